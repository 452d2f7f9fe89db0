"""What happens by itself: rows that are due are claimed, stepped once, and recorded."""
