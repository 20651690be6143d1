{{ union_sources('supplier_prices') }}
