"""Who is needed in the warehouses: expected order lines against the people of shifts."""
