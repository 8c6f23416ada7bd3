"""A mail inbox for development: takes every mail, keeps it, and shows it in a browser. Never passes mail on."""
