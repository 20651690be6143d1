{{ config(enabled=source_is_enabled('carrier_file')) }}

{{ classify_records('carrier_file', 'scans') }}
