"""The way to Azure: one client for ARM and the data plane, tokens, deadlines, and errors in our words."""
