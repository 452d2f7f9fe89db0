"""Datasets' rows: reading, checking, splitting and converting them, as pure functions over files."""
