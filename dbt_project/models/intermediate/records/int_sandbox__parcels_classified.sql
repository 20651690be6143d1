{{ classify_records('sandbox', 'parcels') }}
