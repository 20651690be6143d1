{{ config(enabled=source_is_enabled('bank_statements')) }}

{{ classify_records('bank_statements', 'other') }}
