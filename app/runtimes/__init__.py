"""The environments that training runs in: where each stands, and the process that makes one; standard library only."""
