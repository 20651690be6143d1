{{ config(enabled=source_is_enabled('ga4')) }}

{{ stage_records('ga4', 'events') }}
