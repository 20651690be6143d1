{{ config(enabled=source_is_enabled('pdd')) }}

{{ stage_records('pdd', 'order_lines', record_of='orders') }}
