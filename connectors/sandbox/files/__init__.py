"""The files that the simulated retailer's own systems write, and what is wrong with them."""
