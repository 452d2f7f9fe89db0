"""Azure AI Foundry: fine-tuning on serverless and managed compute through azure-ai-ml, azure-identity and ARM."""
