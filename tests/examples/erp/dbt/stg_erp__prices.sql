{{ config(enabled=source_is_enabled('erp')) }}

{{ stage_records('erp', 'prices') }}
