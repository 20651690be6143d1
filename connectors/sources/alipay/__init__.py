"""Alipay bills and payment notifications."""
