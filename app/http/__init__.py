"""What both doors share: guard, actor, permissions, idempotency, problem details, streams."""
