{{ config(enabled=source_is_enabled('jd')) }}

{{ stage_records('jd', 'order_lines', record_of='orders') }}
