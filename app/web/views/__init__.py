"""Pure functions from domain values to what a page shows."""
