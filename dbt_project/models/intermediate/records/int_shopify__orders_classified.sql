{{ config(enabled=source_is_enabled('shopify')) }}

{{ classify_records('shopify', 'orders') }}
