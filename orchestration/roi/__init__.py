"""What Fourflow is worth: a baseline frozen before go-live, and the figures since against it."""
