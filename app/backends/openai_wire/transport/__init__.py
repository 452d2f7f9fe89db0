"""Calls of the wire by a client that never repeats any, and its errors in our words."""
