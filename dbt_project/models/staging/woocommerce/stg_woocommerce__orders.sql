{{ config(enabled=source_is_enabled('woocommerce')) }}

{{ stage_records('woocommerce', 'orders') }}
