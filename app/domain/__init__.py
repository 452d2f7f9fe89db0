"""The nouns and their rules, and the seam to every provider, without input or output."""
