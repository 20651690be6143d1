{{ config(enabled=source_is_enabled('wechat_pay')) }}

{{ stage_records('wechat_pay', 'fund_entries') }}
