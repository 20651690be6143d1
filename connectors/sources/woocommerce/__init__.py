"""WooCommerce shops, read through REST v3."""
