{{ union_sources('sites') }}
