"""Training, evaluating and serving on this machine: child processes run by a runtime environment's interpreter."""
