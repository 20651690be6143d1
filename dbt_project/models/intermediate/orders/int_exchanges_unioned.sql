{{ union_sources('exchanges') }}
