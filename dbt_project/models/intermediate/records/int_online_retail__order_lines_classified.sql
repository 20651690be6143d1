{{ classify_records('online_retail', 'order_lines') }}
