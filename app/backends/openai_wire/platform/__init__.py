"""Backend `openai`: OpenAI's own platform, and any server that speaks as it does, by its base address."""
