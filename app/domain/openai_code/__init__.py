"""A fine-tuning job as code for servers of OpenAI's wire, ours among them: the official clients and curl."""
