{{ classify_records('sandbox', 'order_lines') }}
