{{ union_sources('inquiries') }}
