{{ config(enabled=source_is_enabled('shopify')) }}

{{ stage_records('shopify', 'order_lines', record_of='orders') }}
