{{ config(enabled=source_is_enabled('alipay')) }}

{{ stage_records('alipay', 'trade_entries') }}
