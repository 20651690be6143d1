{{ config(enabled=source_is_enabled('wechat_store')) }}

{{ stage_records('wechat_store', 'orders') }}
