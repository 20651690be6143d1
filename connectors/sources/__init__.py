"""One package a platform: reads records in the platform's own wire format and lands them in bronze."""
