{{ config(enabled=source_is_enabled('leads')) }}

{{ stage_records('leads', 'deals') }}
