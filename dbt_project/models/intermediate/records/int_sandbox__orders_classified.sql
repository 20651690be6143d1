{{ classify_records('sandbox', 'orders') }}
