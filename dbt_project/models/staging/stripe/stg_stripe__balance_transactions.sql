{{ config(enabled=source_is_enabled('stripe')) }}

{{ stage_records('stripe', 'balance_transactions') }}
