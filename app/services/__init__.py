"""Every verb, once: what people and the engine can do."""
