"""The versioned HTTP interface: what is published and what was decided, for other programs."""
