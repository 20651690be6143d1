{{ union_sources('prices') }}
