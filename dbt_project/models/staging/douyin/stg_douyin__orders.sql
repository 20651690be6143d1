{{ config(enabled=source_is_enabled('douyin')) }}

{{ stage_records('douyin', 'orders') }}
