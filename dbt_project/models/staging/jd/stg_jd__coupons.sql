{{ config(enabled=source_is_enabled('jd')) }}

{{ stage_records('jd', 'coupons', record_of='orders') }}
