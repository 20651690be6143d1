"""Pure functions and estimators: frame in, frame out; no file, lake, clock or network."""
