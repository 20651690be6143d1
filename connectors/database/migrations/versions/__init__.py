"""Revisions of the operational database, oldest first; never edited once released."""
