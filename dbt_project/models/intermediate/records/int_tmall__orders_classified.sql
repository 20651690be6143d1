{{ config(enabled=source_is_enabled('tmall')) }}

{{ classify_records('tmall', 'orders') }}
