"""Stripe payments and payouts."""
