{{ config(enabled=source_is_enabled('surveys')) }}

{{ stage_records('surveys', 'answers') }}
