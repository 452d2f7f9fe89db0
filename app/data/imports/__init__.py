"""Files that are no JSON Lines made into JSON Lines: one file a kind of file, and one line in the registry."""
