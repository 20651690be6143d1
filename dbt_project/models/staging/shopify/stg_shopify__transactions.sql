{{ config(enabled=source_is_enabled('shopify')) }}

{{ stage_records('shopify', 'transactions', record_of='orders') }}
