{{ config(enabled=source_is_enabled('alipay')) }}

{{ classify_records('alipay', 'account_entries') }}
