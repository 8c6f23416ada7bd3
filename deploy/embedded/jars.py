"""The Kafka jars: which ones, fetched once into the user's cache and checked. Knows nothing of running Kafka.

The list `kafka_jars.txt` pins every jar by its SHA-256. It is what Maven's rules make of kafka_2.13 and log4j, written
down so that every machine runs the same bytes, a cut-off download is noticed, and no dependency tree is walked at
start. To move to another Kafka, set VERSION and LOG4J and run `python -m deploy.embedded.jars`.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import fasteners
import requests
import stamina
from jgo import resolve
from jgo.config import GlobalSettings
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import MavenContext

from deploy.embedded.errors import EmbeddedError
from deploy.embedded.processes import Say, silent

VERSION = "4.3.0"
LOG4J = "2.25.4"
LIST = Path(__file__).with_name("kafka_jars.txt")


@dataclass(frozen=True, slots=True)
class Jar:
    sha256: str
    group: str
    artifact: str
    version: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    def is_whole(self, file: Path) -> bool:
        return file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == self.sha256


def pinned() -> list[Jar]:
    """Every jar Kafka runs on."""
    rows = (line.split() for line in LIST.read_text("utf-8").splitlines())
    return [Jar(sha256, *coordinates.split(":")) for sha256, coordinates in rows]


def cache_folder() -> Path:
    """Where this user keeps what can be fetched again."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "rollcall"


def fetch(say: Say = silent) -> Path:
    """The folder that holds all pinned jars; fetched on first use, shared by all stacks of this user."""
    listed = hashlib.sha256(LIST.read_bytes()).hexdigest()[:8]
    return fetched_once(cache_folder() / f"kafka-{VERSION}-{listed}", "Kafka's jars", _fetch_all, say)


def fetched_once(folder: Path, what: str, fetch_into: Callable[[Path, Say], None], say: Say = silent) -> Path:
    """The folder, filled once for this user by whichever process comes first. EmbeddedError says in a sentence why it cannot be."""
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with fasteners.InterProcessLock(folder.with_name(f"{folder.name}.lock")):
            if not folder.is_dir():  # another process may have fetched it while we waited
                fetch_into(folder, say)
    except OSError as error:
        if isinstance(error, requests.RequestException):
            raise EmbeddedError(
                f"{what} cannot be fetched from the Maven repository ({type(error).__name__}):"
                " check the network, or name a mirror in the [repositories] section of ~/.config/jgo.conf."
            ) from error
        raise EmbeddedError(
            f"{what} cannot be kept in {folder.parent} ({error.strerror}):"
            " make room there, or name another folder in XDG_CACHE_HOME."
        ) from error
    return folder


def _fetch_all(folder: Path, say: Say) -> None:
    """Fetches into a folder beside the final one and renames it when whole: what has the final name is complete."""
    partial = folder.with_name(f"{folder.name}.partial")
    whole = partial / "jars"
    whole.mkdir(parents=True, exist_ok=True)
    jars = pinned()
    say(f"Fetching Apache Kafka {VERSION}: {len(jars)} jars, 45 MB, once for this user")
    with ThreadPoolExecutor(max_workers=8) as threads:
        for done, jar in enumerate(threads.map(lambda jar: fetch_one(jar, partial, whole), jars), start=1):
            if done % 12 == 0:
                say(f"Fetched {done} of {len(jars)} jars, {jar.file_name} the last")
    whole.rename(folder)
    shutil.rmtree(partial)


@stamina.retry(on=requests.RequestException, attempts=4, timeout=120)
def fetch_one(jar: Jar, partial: Path, whole: Path) -> Jar:
    """Puts one checked jar into `whole`; a part of it left by an interrupted run is fetched again."""
    kept = whole / jar.file_name
    if jar.is_whole(kept):
        return jar
    # A mirror the user configured comes first: Central may be out of reach for them.
    repositories = {**GlobalSettings.load().repositories}
    repositories.setdefault("central", MAVEN_CENTRAL_URL)
    # Our own folder, not ~/.m2: jgo writes straight to the final name and only warns when a checksum differs.
    maven = MavenContext(repo_cache=partial, remote_repos=repositories, timeout=30)
    artifact = maven.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    if artifact.cached_path is not None:
        artifact.cached_path.unlink(missing_ok=True)
    try:
        file = artifact.resolve()
    except RuntimeError as error:  # jgo's answer to "404 everywhere"
        raise EmbeddedError(f"No configured Maven repository has {jar.file_name}.") from error
    if not jar.is_whole(file):
        file.unlink()
        raise EmbeddedError(
            f"{jar.file_name} arrived with other content than the one that is pinned: start again;"
            " if it stays so, the Maven repository or a proxy on the way changes files."
        )
    file.replace(kept)
    return jar


def _pin() -> None:
    """Writes the list anew from what the resolver makes of VERSION and LOG4J."""
    # "!": do not let log4j's dependency management decide versions: it would pull kafka-clients back to 3.9.
    log4j = [f"org.apache.logging.log4j:log4j-{name}:{LOG4J}!" for name in ("core", "slf4j-impl", "1.2-api")]
    rows = []
    for artifact in resolve("+".join([f"org.apache.kafka:kafka_2.13:{VERSION}", *log4j])):
        digest = hashlib.sha256(artifact.resolve().read_bytes()).hexdigest()
        rows.append((f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}", digest))
    LIST.write_text("".join(f"{digest} {coordinates}\n" for coordinates, digest in sorted(rows)), "utf-8")


if __name__ == "__main__":
    _pin()
