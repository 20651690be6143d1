{{ config(enabled=source_is_enabled('order_entry')) }}

{{ stage_records('order_entry', 'pushes') }}
