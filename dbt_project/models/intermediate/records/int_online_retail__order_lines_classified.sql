{{ config(enabled=source_is_enabled('online_retail')) }}

{{ classify_records('online_retail', 'order_lines') }}
