"""JD POP shops, read through the JD open platform."""
