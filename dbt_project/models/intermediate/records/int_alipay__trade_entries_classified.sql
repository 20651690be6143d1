{{ config(enabled=source_is_enabled('alipay')) }}

{{ classify_records('alipay', 'trade_entries') }}
