{{ config(enabled=source_is_enabled('pdd')) }}

{{ stage_records('pdd', 'orders') }}
