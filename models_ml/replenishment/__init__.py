"""Replenishment: from a forecast and a stock position to a quantity to order."""
