{{ config(enabled=source_is_enabled('sf_express')) }}

{{ stage_records('sf_express', 'routes') }}
