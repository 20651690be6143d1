{{ config(enabled=source_is_enabled('online_retail')) }}

{{ stage_records('online_retail', 'order_lines') }}
