{{ config(enabled=source_is_enabled('sandbox')) }}

{{ classify_records('sandbox', 'settlement_lines') }}
