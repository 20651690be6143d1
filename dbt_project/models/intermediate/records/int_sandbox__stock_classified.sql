{{ classify_records('sandbox', 'stock') }}
