"""What all platform connectors share: calls, windows, bronze rows, landing.

`connector` says what a connector is and finds them, `client` sends signed calls, `reading` holds
windows and pages, `entity` turns pages into a dlt resource, `landing` lands one account exactly
once. Nothing here knows a particular platform.
"""
