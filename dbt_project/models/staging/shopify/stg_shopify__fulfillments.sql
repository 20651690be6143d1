{{ config(enabled=source_is_enabled('shopify')) }}

{{ stage_records('shopify', 'fulfillments', record_of='orders') }}
