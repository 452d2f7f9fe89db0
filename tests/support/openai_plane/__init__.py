"""OpenAI's fine-tuning plane and Azure's on loopback, with what the real ones were seen to do wrong"""
