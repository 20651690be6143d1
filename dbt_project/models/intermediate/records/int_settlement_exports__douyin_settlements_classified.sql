{{ config(enabled=source_is_enabled('settlement_exports')) }}

{{ classify_records('settlement_exports', 'douyin_settlements') }}
