{{ union_sources('stock_movements') }}
