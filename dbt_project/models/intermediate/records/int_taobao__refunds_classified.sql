{{ config(enabled=source_is_enabled('taobao')) }}

{{ classify_records('taobao', 'refunds') }}
