{{ config(enabled=source_is_enabled('alipay')) }}

{{ stage_records('alipay', 'account_entries') }}
