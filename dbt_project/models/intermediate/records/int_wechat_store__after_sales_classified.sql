{{ config(enabled=source_is_enabled('wechat_store')) }}

{{ classify_records('wechat_store', 'after_sales') }}
