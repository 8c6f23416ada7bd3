"""What a token may open. Alone in its file: whoever names a scope need not load what keeps tokens."""

SCOPES = ("read", "write", "office", "operate")
"""read: look at everything; write: commands; office: what the office decides beside the rules; operate: parked records and other repairs."""
