{{ config(enabled=source_is_enabled('form_entries')) }}

{{ stage_records('form_entries', 'pushes') }}
