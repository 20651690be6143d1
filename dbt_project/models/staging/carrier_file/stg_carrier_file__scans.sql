{{ config(enabled=source_is_enabled('carrier_file')) }}

{{ stage_records('carrier_file', 'scans') }}
