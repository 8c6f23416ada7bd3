"""Debian's Postfix as a child process, with a queue and a configuration of its own, and the mail servers of the world behind it.

It takes mail as any relay does: writes it to its queue, answers, and carries it on, or writes a report to the return path. It asks no DNS and
speaks to nobody but this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any, ClassVar

from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.embedded import ports
from deploy.embedded.processes import Server, nobody, silent, wait_until
from tests.notifications.receiving import cut

DAEMONS = Path("/usr/lib/postfix/sbin")
POSTQUEUE = Path("/usr/sbin/postqueue")
MASTER = DAEMONS / "master"
DOMAIN, RETURNS = "example.org", "odbicia.example.org"
KNOWN = ("person-1", "person-2", "gone", "full", "żaneta")
"""Whom the server relays to, before the @; behind it somebody may be gone since."""

_ITS_OWN = [
    "active",
    "bounce",
    "corrupt",
    "defer",
    "deferred",
    "flush",
    "hold",
    "incoming",
    "private",
    "saved",
    "trace",
]
_QUEUES = ("maildrop", "incoming", "active", "deferred")


def why_not() -> str | None:
    """In a plain sentence, why there is none here."""
    if not MASTER.exists():
        return "there is no Postfix on this machine"
    return None if os.geteuid() == 0 else "Postfix starts only as root"


class Postfix(Server):
    """Relays to `far`, and what it writes to return paths to `returns`: both are ports. Started again, it finds its queue."""

    name: ClassVar[str] = "Postfix"

    def __init__(self, folder: Path, *, far: int, returns: int, **settings: str) -> None:
        """`folder`: one that everybody may enter, since most of it runs as a user of its own. `settings`: of main.cf."""
        super().__init__(folder, silent, nobody)
        self.port = ports.choose_free()
        self._far, self._returns, self._settings = far, returns, settings

    def start(self) -> None:
        """Returns once it answers."""
        self._write()
        env = {"PATH": os.environ["PATH"], "MAIL_CONFIG": str(self.folder)}
        self._launch([MASTER, "-c", self.folder, "-d"], env)
        try:
            self._wait(lambda: ports.is_answering(self.port), 60, {"its port": self.port})
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """SIGKILL for all of it at once: one that lived on would finish what it was about."""
        if self.pid is not None:
            os.killpg(self.pid, signal.SIGKILL)  # It was started as the first of a group.
        self._reap()
        assert wait_until(lambda: ports.is_free(self.port), 20)

    def looks_again(self) -> None:
        """At all of its queue: what it found locked in the moment after it was put off it would leave alone for minutes."""
        subprocess.run(
            [POSTQUEUE, "-c", self.folder, "-f"], capture_output=True, check=False
        )  # It may have been killed.

    def waiting(self) -> int:
        """How many mails it has taken and not delivered. What it was killed over, and nobody was told it had, it never marks as whole."""
        whole = 0
        for queue in _QUEUES:
            for one in (self.folder / "queue" / queue).rglob("*"):
                with contextlib.suppress(FileNotFoundError):
                    mode = one.stat().st_mode
                    whole += stat.S_ISREG(mode) and bool(mode & stat.S_IXUSR)
        return whole

    def said(self) -> str:
        log = self.folder / "data" / "log"
        return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""

    def _write(self) -> None:
        self.folder.chmod(0o755)
        queue, data = self.folder / "queue", self.folder / "data"
        for one in [data, *(queue / name for name in (*_ITS_OWN, "maildrop", "public", "pid"))]:
            one.mkdir(parents=True, exist_ok=True)
        for one in (data, *(queue / name for name in _ITS_OWN)):
            shutil.chown(one, "postfix")
            one.chmod(0o700)
        for name, mode in (("maildrop", 0o730), ("public", 0o710)):
            shutil.chown(queue / name, "postfix", "postdrop")
            (queue / name).chmod(mode)
        known = "".join(f"{name}@{DOMAIN} yes\n" for name in KNOWN)
        (self.folder / "known").write_text(known)
        (self.folder / "routes").write_text(
            f"{DOMAIN} smtp:[127.0.0.1]:{self._far}\n{RETURNS} smtp:[127.0.0.1]:{self._returns}\n"
        )
        (self.folder / "master.cf").write_text(_MASTER.format(port=self.port))
        main = _MAIN | {
            "queue_directory": str(queue),
            "data_directory": str(data),
            "maillog_file": str(data / "log"),
            "maillog_file_prefixes": str(self.folder),
            "relay_recipient_maps": f"texthash:{self.folder / 'known'}",
            "transport_maps": f"texthash:{self.folder / 'routes'}",
        }
        text = "".join(f"{name} = {value}\n" for name, value in (main | self._settings).items())
        (self.folder / "main.cf").write_text(text)


_MAIN = {
    "compatibility_level": "3.6",
    "mail_owner": "postfix",
    "setgid_group": "postdrop",
    "myhostname": "mail.example.org",
    "mydestination": "",
    "alias_maps": "",
    "mynetworks": "127.0.0.0/8",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "smtp_dns_support_level": "disabled",
    "smtp_host_lookup": "native",
    "relay_domains": DOMAIN,
    "default_transport": "error:5.1.2 there is no such domain",
    "fast_flush_domains": "",
    "smtputf8_enable": "yes",
    # What is told to come later comes soon.
    "minimal_backoff_time": "1s",
    "maximal_backoff_time": "1s",
    "queue_run_delay": "1s",
    "transport_retry_time": "1s",  # Of a part that did not answer in time: a minute otherwise, on a busy machine.
    "service_throttle_time": "1s",
    "smtp_destination_concurrency_failed_cohort_limit": "0",
    "smtp_connect_timeout": "60s",
}

_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass
class Arrived:
    """A mail at the end of its way."""

    recipient: str
    returns_to: str
    content: bytes

    @property
    def message(self) -> EmailMessage:
        message = email.message_from_bytes(self.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        return message


@dataclass
class Far:
    """The servers of those who get mail: they know everybody but `gone`, and one mailbox is full."""

    port: int = field(default_factory=ports.choose_free)
    offers_utf8: bool = True
    mails: list[Arrived] = field(default_factory=list)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        match address.partition("@")[0]:
            case "gone":
                return "550 5.1.1 no such user here"
            case "full":
                return "452 4.2.2 mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mails += [Arrived(one, envelope.mail_from or "", envelope.content) for one in envelope.rcpt_tos]
        return "250 ok"

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        loop, callers = asyncio.get_running_loop(), list[SMTP]()

        def caller() -> SMTP:
            callers.append(SMTP(self, loop=loop, enable_SMTPUTF8=self.offers_utf8))
            return callers[-1]

        server = await loop.create_server(caller, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()
            for one in callers:
                cut(one)
