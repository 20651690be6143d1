{{ classify_records('sandbox', 'products') }}
