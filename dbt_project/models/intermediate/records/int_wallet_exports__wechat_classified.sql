{{ config(enabled=source_is_enabled('wallet_exports')) }}

{{ classify_records('wallet_exports', 'wechat') }}
