{{ config(enabled=source_is_enabled('shopify')) }}

{{ stage_records('shopify', 'refunds', record_of='orders') }}
