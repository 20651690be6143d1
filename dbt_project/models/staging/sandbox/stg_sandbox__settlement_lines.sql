{{ config(enabled=source_is_enabled('sandbox')) }}

{{ stage_records('sandbox', 'settlement_lines') }}
