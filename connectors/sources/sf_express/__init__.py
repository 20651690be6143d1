"""SF Express parcels, read through the Fengqiao platform."""
