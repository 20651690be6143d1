"""Cainiao LINK: only the digest of its messages so far."""
