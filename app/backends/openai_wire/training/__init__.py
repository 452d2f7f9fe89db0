"""Files and fine-tuning jobs of the wire: rows as it takes them, submitted once, looked at, ended."""
