{{ config(enabled=source_is_enabled('douyin')) }}

{{ stage_records('douyin', 'order_lines', record_of='orders') }}
