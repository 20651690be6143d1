"""Taobao and Tmall shops, read through the Taobao Open Platform (TOP)."""
