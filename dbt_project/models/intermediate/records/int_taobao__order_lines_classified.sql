{{ config(enabled=source_is_enabled('taobao')) }}

{{ classify_records('taobao', 'order_lines') }}
