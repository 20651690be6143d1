"""Douyin shops, read through the Doudian open platform."""
