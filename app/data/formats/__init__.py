"""The formats of rows: how each is recognised, read quickly, and checked closely."""
