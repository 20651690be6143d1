{{ config(enabled=source_is_enabled('wallet_exports')) }}

{{ stage_records('wallet_exports', 'wechat') }}
