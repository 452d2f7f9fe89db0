"""What can be tuned over the wire, until when and for how much: dated data, and what the provider lists."""
