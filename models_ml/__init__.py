"""Pure functions and estimators: data frame in, data frame out; no file, no lake, no clock, no network."""
