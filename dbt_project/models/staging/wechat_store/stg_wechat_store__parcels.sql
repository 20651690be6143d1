{{ config(enabled=source_is_enabled('wechat_store')) }}

{{ stage_records('wechat_store', 'parcels', record_of='orders') }}
