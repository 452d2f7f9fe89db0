"""What could be a library of its own: clock, ids, cursors, locks, sealed secrets, crash points."""
