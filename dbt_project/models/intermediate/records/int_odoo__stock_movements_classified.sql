{{ config(enabled=source_is_enabled('odoo')) }}

{{ classify_records('odoo', 'stock_movements') }}
