"""Turns by itself: claim, act, record."""
