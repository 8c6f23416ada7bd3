"""What goes wrong with an embedded server. Alone in its file: whoever only says it need not load what starts servers."""


class EmbeddedError(Exception):
    """Why an embedded server cannot run, as one sentence for the person at the terminal."""
