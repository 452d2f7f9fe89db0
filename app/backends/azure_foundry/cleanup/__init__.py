"""Removing what was made, in order, and finding what was left behind."""
