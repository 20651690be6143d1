"""Models in a run: what they read, their training, registry, checks and tables."""
