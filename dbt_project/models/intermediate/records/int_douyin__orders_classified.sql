{{ config(enabled=source_is_enabled('douyin')) }}

{{ classify_records('douyin', 'orders') }}
