"""The doctor: what a training and a deployment at Azure need, looked at without changing anything."""
