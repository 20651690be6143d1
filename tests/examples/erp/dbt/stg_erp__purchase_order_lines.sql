{{ config(enabled=source_is_enabled('erp')) }}

{{ stage_records('erp', 'purchase_order_lines', record_of='purchase_orders') }}
