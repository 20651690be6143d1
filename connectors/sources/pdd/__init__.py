"""Pinduoduo shops, read through the Pinduoduo open platform."""
