{{ config(enabled=source_is_enabled('inquiries')) }}

{{ classify_records('inquiries', 'inquiries') }}
