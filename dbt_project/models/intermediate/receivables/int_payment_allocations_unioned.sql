{{ union_sources('payment_allocations') }}
