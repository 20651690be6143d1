{{ classify_records('tmall', 'orders') }}
