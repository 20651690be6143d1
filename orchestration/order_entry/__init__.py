"""Orders that customers and staff enter here: the answer before, and their way into bronze."""
