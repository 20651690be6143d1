"""AfterShip: only the signature of its webhooks so far."""
