"""Parcels of many carriers, read through Kuaidi100."""
