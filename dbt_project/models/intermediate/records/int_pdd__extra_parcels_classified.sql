{{ config(enabled=source_is_enabled('pdd')) }}

{{ classify_records('pdd', 'extra_parcels') }}
