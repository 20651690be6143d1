{{ config(enabled=source_is_enabled('erp')) }}

{{ classify_records('erp', 'prices') }}
