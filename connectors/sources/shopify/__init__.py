"""Shopify shops, read through the Admin API."""
