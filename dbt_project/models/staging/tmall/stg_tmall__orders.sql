{{ config(enabled=source_is_enabled('tmall')) }}

{{ stage_records('tmall', 'orders') }}
