"""Which site sends which order line: exact minimum-cost flow, then fewer parcels, then batches."""
