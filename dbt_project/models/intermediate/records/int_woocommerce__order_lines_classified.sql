{{ config(enabled=source_is_enabled('woocommerce')) }}

{{ classify_records('woocommerce', 'order_lines') }}
