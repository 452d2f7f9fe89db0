"""Rows written as other kinds of files, piece by piece: what a format cannot hold is marked, or refused by name."""
