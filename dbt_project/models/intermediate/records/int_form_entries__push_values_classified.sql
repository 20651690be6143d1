{{ config(enabled=source_is_enabled('form_entries')) }}

{{ classify_records('form_entries', 'push_values') }}
