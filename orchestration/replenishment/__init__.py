"""The replenishment plan of a run and its policy."""
