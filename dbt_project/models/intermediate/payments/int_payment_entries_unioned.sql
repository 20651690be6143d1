{{ union_sources('payment_entries') }}
