{{ config(enabled=source_is_enabled('erp')) }}

{{ classify_records('erp', 'purchase_order_lines') }}
