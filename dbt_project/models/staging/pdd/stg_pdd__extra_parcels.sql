{{ config(enabled=source_is_enabled('pdd')) }}

{{ stage_records('pdd', 'extra_parcels', record_of='orders') }}
