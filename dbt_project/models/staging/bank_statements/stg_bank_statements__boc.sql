{{ config(enabled=source_is_enabled('bank_statements')) }}

{{ stage_records('bank_statements', 'boc') }}
