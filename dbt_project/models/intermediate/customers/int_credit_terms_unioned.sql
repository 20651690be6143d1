{{ union_sources('credit_terms') }}
