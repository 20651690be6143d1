"""17TRACK: only the signature of its pushes so far."""
