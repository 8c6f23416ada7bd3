"""Settings from the environment: every limit stated, secrets also from files (`…_FILE`). The only place that reads it."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from shared.connecting import kafka_client

PREFIX = "ROLLCALL_"


def said_wrongly(error: ValidationError | SettingsError) -> list[tuple[tuple[str, ...], str]]:
    """Which settings cannot be what they are, as paths, and why."""
    if isinstance(error, ValidationError):
        found = [(tuple(map(str, one["loc"])), one["type"], one["msg"]) for one in error.errors()]
    else:  # It names the field, and nothing that whoever wrote the value could mend it by.
        found = [((str(error).partition('"')[2].partition('"')[0],), "model_type", "")]
    return [(where, _how_it_is_written(where, kind) or why) for where, kind, why in found]


def _how_it_is_written(where: tuple[str, ...], kind: str) -> str | None:
    match kind:
        case "tuple_type":
            return 'several are written as JSON, such as ["one", "another"]'
        case "model_type":
            return f"what belongs to it is set each by its own name, {variable_of(where)}__…"
        case _:
            return None


def variable_of(where: tuple[str, ...]) -> str:
    """What a setting is called in the environment."""
    return PREFIX + "__".join(where).upper()


def _in_capitals(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_in_capitals)]


class _SecretFiles(PydanticBaseSettingsSource):
    """`ROLLCALL_X_FILE` names a file that holds the value of `ROLLCALL_X`."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"ROLLCALL_{field_name.upper()}_FILE")
        return (Path(path).read_text().strip() if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


class ConsumerLimits(BaseModel):
    """What one consumer may take at a time, and how long it waits."""

    batch_records: PositiveInt = 1000
    """Larger batches gain nothing measurable."""
    deciding_batch_records: PositiveInt = 1000
    """Larger ones gain a little more, and keep the lock from commands for longer."""
    poll_ms: PositiveInt = 500
    """How long a fetch waits for the first record; it never waits for more."""
    fetch_bytes: PositiveInt = 2 * 1024 * 1024
    """Of one partition in one answer; no batch on our streams is larger."""
    fetch_most_bytes: PositiveInt = 8 * 1024 * 1024
    """Of all partitions in one answer."""
    unread_bytes: PositiveInt = 16 * 1024 * 1024
    """With so much fetched and not yet read, nothing more is fetched: a consumer holds that and one answer."""
    unpacked_bytes: PositiveInt = 4 * 1024 * 1024
    """A batch that unpacks to more is unpacked piece by piece. What no sender means to send does, and little else."""
    unpack_most_bytes: PositiveInt = 2 * 1024 * 1024 * 1024
    """Of one batch, piece by piece: seconds of work. What stands behind that is set aside unread."""
    hand_on_bytes: PositiveInt = 2 * 1024 * 1024
    """Records heard together, as they were sent; a body may take twenty times that once it is read. Full batches of ordinary
    records take less."""
    session_timeout_ms: PositiveInt = 10_000
    backoff_first_seconds: PositiveFloat = 0.2
    backoff_most_seconds: PositiveFloat = 15.0
    watch_seconds: PositiveFloat = 1.0
    stuck_seconds: PositiveFloat = 60.0
    """With lag, Kafka and Postgres answering and nothing heard for so long, the process exits and is started anew."""


class HttpLimits(BaseModel):
    """What callers over HTTP may take of memory and time, together and each."""

    connections: PositiveInt = 500
    """With one more, whoever has been idle or unfinished for longest is closed."""
    header_seconds: PositiveFloat = 10.0
    """For a request's first line and headers, from its first byte on, or from the connection's first moment."""
    header_bytes: PositiveInt = 16 * 1024
    body_seconds: PositiveFloat = 15.0
    body_bytes_a_second: PositiveInt = 32 * 1024
    """A body that comes at least so fast is waited for, however large it is: a picture from a telephone takes minutes."""
    body_bytes: PositiveInt = 64 * 1024
    """Commands have some hundred bytes. The limit for an event's body on Kafka is the contracts'."""
    request_seconds: PositiveFloat = 60.0
    """From the last header to the answer's last byte, also for whoever does not read it."""
    idle_seconds: PositiveInt = 30
    """How long a connection is kept for the next request."""


class Settings(BaseSettings):
    """What every service is told. Each service adds its own."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,  # Of one that is missing it would quote what was said beside it, passwords among that.
    )

    kafka: str = "127.0.0.1:9092"
    """Bootstrap servers, comma separated."""
    kafka_user: str | None = None
    kafka_password: SecretStr | None = None
    """With a user: SASL SCRAM-SHA-512."""
    database_url: SecretStr
    """`postgresql+asyncpg://…`; each service has its own database and role."""
    pool_size: PositiveInt = 8
    statement_timeout_ms: PositiveInt = 30_000
    host: str = "127.0.0.1"
    port: int
    replica: str | None = None
    """A name that no other process of this service has and that outlives a restart: then, after `kill -9`, it takes its partitions
    again at once. None: Kafka knows it by a name of the moment, and a killed process is missed for `session_timeout_ms`."""
    live_since: dt.datetime = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    """Go-live: what lies before is history. It is neither decided on nor mailed about."""
    held_for: dt.timedelta = dt.timedelta(days=30)
    """How long a request waits for a session that nobody has announced (`P30D`)."""
    log_level: LogLevel = "INFO"
    assets: Path | None = None
    """The folder with the files of others that pages load (`python -m deploy.embedded.assets` fetches them). None: pages work without."""
    relay_batch: PositiveInt = 2000
    """More than one transaction says: who takes less than that knows that nothing is left."""
    relay_poll_seconds: PositiveFloat = 1.0
    relay_timeout_seconds: PositiveFloat = 30.0
    due_poll_seconds: PositiveFloat = 1.0
    due_batch: PositiveInt = 200
    consumer: ConsumerLimits = ConsumerLimits()
    http: HttpLimits = HttpLimits()

    @field_validator("*")
    @classmethod
    def _has_an_offset(cls, value: Any) -> Any:
        """Compared with what Kafka stamps, wall time would fail on each event: it is refused here, where somebody reads it."""
        if isinstance(value, dt.datetime) and value.tzinfo is None:
            raise ValueError("needs its offset, such as 2026-10-24T08:00:00+02:00 or 2026-10-24T06:00:00Z")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _SecretFiles(settings_cls)


def kafka_connection(settings: Settings) -> dict[str, Any]:
    """How every client of ours connects to Kafka."""
    password = settings.kafka_password
    return kafka_client(settings.kafka, settings.kafka_user, password.get_secret_value() if password else None)
