"""The lake: one DuckLake, its extensions, its single writer lock, its readers and its upkeep."""
