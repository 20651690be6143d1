"""Local servers that speak the platforms' protocols for the simulated retailer."""
