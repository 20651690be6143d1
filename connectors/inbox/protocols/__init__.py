"""One module a platform: how its pushes are signed, read and answered."""
