{{ union_sources('form_values') }}
