{{ config(enabled=source_is_enabled('wechat_store')) }}

{{ stage_records('wechat_store', 'order_lines', record_of='orders') }}
