{{ config(enabled=source_is_enabled('inquiries')) }}

{{ stage_records('inquiries', 'inquiries') }}
