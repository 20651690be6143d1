"""Everything that touches another system: settings, the lake, the operational database, sources, sinks."""
