"""What REST takes and gives, noun by noun: the contract's field names, read off frozen domain values."""
