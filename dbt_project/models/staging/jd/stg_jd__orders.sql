{{ config(enabled=source_is_enabled('jd')) }}

{{ stage_records('jd', 'orders') }}
