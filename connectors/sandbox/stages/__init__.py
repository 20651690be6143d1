"""What happens in the simulated world, each stage with a random stream of its own."""
