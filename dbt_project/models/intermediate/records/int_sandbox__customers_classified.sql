{{ classify_records('sandbox', 'customers') }}
