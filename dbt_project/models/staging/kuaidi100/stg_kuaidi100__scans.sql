{{ config(enabled=source_is_enabled('kuaidi100')) }}

{{ stage_records('kuaidi100', 'scans', record_of='tracks') }}
