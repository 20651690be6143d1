"""Wires sources, dbt, models, publication and decisions into runs; holds the command line."""
