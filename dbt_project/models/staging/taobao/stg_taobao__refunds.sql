{{ config(enabled=source_is_enabled('taobao')) }}

{{ stage_records('taobao', 'refunds') }}
