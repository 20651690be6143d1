{{ union_sources('parcels') }}
