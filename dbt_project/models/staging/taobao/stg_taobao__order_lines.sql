{{ config(enabled=source_is_enabled('taobao')) }}

{{ stage_records('taobao', 'order_lines', record_of='orders') }}
