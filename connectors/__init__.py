"""Everything that touches another system: settings, lake, database, sources, sinks."""
