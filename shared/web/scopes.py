"""What a token may open. Alone in its file: whoever names a scope need not load what keeps tokens."""

SCOPES = ("read", "write", "operate")
"""read: look at everything; write: commands; operate: parked records and other repairs."""
