"""A simulated retailer and local servers that speak the platforms' protocols; never used in production."""
