"""What could be a library of its own: clock, ids, cursors."""
