"""Odoo: goods, stock, purchase orders, suppliers and customers of an ERP."""
