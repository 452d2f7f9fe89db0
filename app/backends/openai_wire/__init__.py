"""OpenAI's fine-tuning wire, at OpenAI and wherever else it is spoken (backend `openai`)."""
