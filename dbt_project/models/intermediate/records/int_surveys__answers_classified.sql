{{ config(enabled=source_is_enabled('surveys')) }}

{{ classify_records('surveys', 'answers') }}
