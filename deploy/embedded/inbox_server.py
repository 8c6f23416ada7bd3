"""The inbox as a child process."""

import os
import sys
from pathlib import Path

import deploy
from deploy.embedded import ports
from deploy.embedded.processes import Say, Server, Spawned, nobody, silent

START_LIMIT_S = 30.0


class Inbox(Server):
    """A mail inbox that lives in `folder`; started again, it shows its mails."""

    name = "Inbox"

    def __init__(
        self,
        folder: Path,
        smtp_port: int = 1025,
        http_port: int = 8025,
        *,
        say: Say = silent,
        spawned: Spawned = nobody,
    ) -> None:
        super().__init__(folder, say, spawned)
        self.smtp_port = smtp_port
        self.http_port = http_port

    @property
    def url(self) -> str:
        """Where to look at the mails."""
        return f"http://{ports.LOOPBACK}:{self.http_port}"

    def start(self) -> None:
        """Returns once mail is taken and the page is served; otherwise one sentence says why, and nothing runs."""
        ports.require_free(self.smtp_port, "--smtp-port")
        ports.require_free(self.http_port, "--inbox-port")
        self.folder.mkdir(parents=True, exist_ok=True)
        options: list[str | Path] = [
            "--folder",
            self.folder,
            "--smtp-port",
            str(self.smtp_port),
            "--http-port",
            str(self.http_port),
        ]
        # The child starts in "/": it finds us also where the package is a checkout and not installed.
        roots = [os.fspath(Path(next(iter(deploy.__path__))).parent), os.environ.get("PYTHONPATH", "")]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(root for root in roots if root), "PYTHONUNBUFFERED": "1"}
        try:
            self._launch([sys.executable, "-m", "deploy.embedded.inbox", *options], env)
            options_of = {"--smtp-port": self.smtp_port, "--inbox-port": self.http_port}
            self._wait(lambda: all(map(self._holds, options_of.values())), START_LIMIT_S, options_of)
        except BaseException:  # also Ctrl-C: whoever gives up waiting leaves nothing behind
            self.kill()
            raise
