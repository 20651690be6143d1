"""Which site sends what: stock that is promised once only, and lines allocated to stock."""
