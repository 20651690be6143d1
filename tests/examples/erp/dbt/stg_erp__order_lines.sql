{{ config(enabled=source_is_enabled('erp')) }}

{{ stage_records('erp', 'order_lines', record_of='orders') }}
