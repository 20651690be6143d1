{{ config(enabled=source_is_enabled('odoo')) }}

{{ stage_records('odoo', 'stock_movements') }}
