{{ config(enabled=source_is_enabled('shopify')) }}

{{ stage_records('shopify', 'returns', record_of='orders') }}
