{{ config(enabled=source_is_enabled('leads')) }}

{{ classify_records('leads', 'leads') }}
