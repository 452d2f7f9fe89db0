"""Dataset work as pure functions over files and rows."""
