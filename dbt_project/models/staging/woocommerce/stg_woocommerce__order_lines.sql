{{ config(enabled=source_is_enabled('woocommerce')) }}

{{ stage_records('woocommerce', 'order_lines', record_of='orders') }}
