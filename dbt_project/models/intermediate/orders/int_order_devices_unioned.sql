{{ union_sources('order_devices') }}
