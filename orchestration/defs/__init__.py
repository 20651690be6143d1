"""Definitions that Dagster loads by itself: every file here is a definition file."""
