"""Return risk of an order line."""
