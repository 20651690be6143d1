{{ config(enabled=source_is_enabled('jd')) }}

{{ classify_records('jd', 'refund_applications') }}
