{{ all_order_versions() }}
