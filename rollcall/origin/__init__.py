"""One address for everything: the story page, and the services' HTTP under their names."""
