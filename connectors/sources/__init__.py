"""One package a platform: reads its own wire format and lands the records in bronze."""
