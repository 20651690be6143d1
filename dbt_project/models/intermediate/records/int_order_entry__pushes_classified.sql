{{ config(enabled=source_is_enabled('order_entry')) }}

{{ classify_records('order_entry', 'pushes') }}
