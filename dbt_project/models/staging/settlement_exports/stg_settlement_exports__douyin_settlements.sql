{{ config(enabled=source_is_enabled('settlement_exports')) }}

{{ stage_records('settlement_exports', 'douyin_settlements') }}
