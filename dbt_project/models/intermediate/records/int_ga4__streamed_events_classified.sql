{{ config(enabled=source_is_enabled('ga4')) }}

{{ classify_records('ga4', 'streamed_events') }}
