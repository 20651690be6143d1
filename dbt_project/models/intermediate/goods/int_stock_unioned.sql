{{ union_sources('stock') }}
