"""Forms that people fill in here: declared in YAML, checked, and kept as orders or documents."""
