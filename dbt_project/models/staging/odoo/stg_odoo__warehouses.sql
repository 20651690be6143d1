{{ config(enabled=source_is_enabled('odoo')) }}

{{ stage_records('odoo', 'warehouses') }}
