{{ union_sources('visits') }}
