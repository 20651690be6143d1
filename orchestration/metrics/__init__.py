"""The semantic layer: one definition a metric, one statement a question."""
