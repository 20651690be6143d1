{{ config(enabled=source_is_enabled('wechat_pay')) }}

{{ classify_records('wechat_pay', 'trade_entries') }}
