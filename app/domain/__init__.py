"""The rules and the nouns, without any I/O."""
