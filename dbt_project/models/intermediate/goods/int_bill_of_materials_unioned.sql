{{ union_sources('bill_of_materials') }}
