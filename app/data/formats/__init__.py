"""The formats of rows: how each is recognised, read quickly, and judged closely."""
