"""A simulated retailer and servers that speak the platforms' protocols; never for production."""
