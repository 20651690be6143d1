{{ config(enabled=source_is_enabled('magento')) }}

{{ stage_records('magento', 'order_lines', record_of='orders') }}
