{{ classify_records('sandbox', 'refunds') }}
