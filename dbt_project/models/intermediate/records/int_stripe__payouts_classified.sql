{{ config(enabled=source_is_enabled('stripe')) }}

{{ classify_records('stripe', 'payouts') }}
