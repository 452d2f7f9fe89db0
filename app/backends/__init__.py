"""Providers that can train, evaluate, deploy and answer, strangers to one another, and the list of them."""
