"""Cached reads of one publication: a function a dashboard block, a table a function."""
