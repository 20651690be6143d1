{{ config(enabled=source_is_enabled('sf_express')) }}

{{ classify_records('sf_express', 'routes') }}
