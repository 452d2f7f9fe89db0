"""Makes the starter model: a grammar, its expansion, a tokenizer, a tiny network and one pre-training command."""
