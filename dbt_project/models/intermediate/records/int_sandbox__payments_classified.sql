{{ classify_records('sandbox', 'payments') }}
