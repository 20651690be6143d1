{{ config(enabled=source_is_enabled('kuaidi100')) }}

{{ classify_records('kuaidi100', 'pushes') }}
