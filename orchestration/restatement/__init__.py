"""What changed in the figures between two publications, by reason, to the last cent."""
