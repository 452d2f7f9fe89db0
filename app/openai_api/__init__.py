"""The door for programs written for OpenAI: its files, fine-tuning jobs, models and chats, over every backend."""
