"""Backend `azure_openai`: the wire's dialect at Azure, and deployments made by Resource Manager."""
