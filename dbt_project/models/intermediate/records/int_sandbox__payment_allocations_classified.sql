{{ config(enabled=source_is_enabled('sandbox')) }}

{{ classify_records('sandbox', 'payment_allocations') }}
