"""Asking what was tuned: chat completions, streamed."""
