"""Deployments and what is asked of them: chat, evaluation, usage metrics."""
