"""Which of the caller's ROLLCALL_… settings a part of the system is given by `up`, and which are said in vain. Reads no environment itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_settings import SettingsError

from rollcall.origin.settings import OriginSettings
from rollcall.terminal import Exit, Refusal
from services import SERVICES
from shared.settings import PREFIX, Settings, said_wrongly, variable_of

MODELS: dict[str, type[Settings]] = {
    **{name: one.settings() for name, one in SERVICES.items()},
    "origin": OriginSettings,
}
DECIDED = frozenset(
    {
        # What is started here, and where it listens (ports have options).
        *("kafka", "kafka_user", "kafka_password", "database_url", "host", "port", "replica", "live_since", "assets"),
        "files",
        # The inbox: nothing that is tried here is sent on.
        *("smtp_host", "smtp_port", "smtp_user", "smtp_password", "smtp_tls"),
        *("services", "inbox_url", "token", "programme", "command", "command_folder"),
    }
)
"""Settings that follow from what `up` starts, whatever the environment says."""
_FOR_COMMANDS = frozenset({"FOLDER"})
"""Said to the command itself."""


def names_of(model: type[Settings]) -> frozenset[str]:
    """The environment variables of a part that a caller may set, `…_FILE` included."""
    fields = {name: field.annotation for name, field in model.model_fields.items() if name not in DECIDED}
    nested = {name: kind for name, kind in fields.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}
    plain = {f"{PREFIX}{name.upper()}" for name in fields}
    inner = {f"{PREFIX}{name.upper()}__{each.upper()}" for name, kind in nested.items() for each in kind.model_fields}
    return frozenset(plain | {f"{name}_FILE" for name in plain} | inner)


def given(environment: Mapping[str, str], part: str) -> dict[str, str]:
    """What this part is given of the caller's environment. A setting that several parts have is given to each of them."""
    names = names_of(MODELS[part])
    return {name: value for name, value in environment.items() if name.upper() in names}


def said_in_vain(environment: Mapping[str, str]) -> Iterator[str]:
    """A sentence for every ROLLCALL_… variable that changes nothing here."""
    known = frozenset[str]().union(*map(names_of, MODELS.values()))
    decided = {f"{PREFIX}{name.upper()}" for name in DECIDED} | {
        f"{PREFIX}{one.variable}_{what}" for one in SERVICES.values() for what in ("DATABASE_URL", "URL")
    }
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in known or name.removeprefix(PREFIX) in _FOR_COMMANDS:
            continue
        if name.removesuffix("_FILE") in decided:
            yield f"{name} is set and not used: what is started here has its own."
        else:
            yield f"{name} is set, and no part of the system has such a setting."


def refuse_invalid(environment: Mapping[str, str]) -> None:
    """One sentence for a value that a service would not start with. The models read the process's environment themselves."""
    for part, model in MODELS.items():
        try:
            model(database_url=SecretStr("–"), port=1)
        except (ValidationError, SettingsError) as error:
            for where, why in said_wrongly(error):
                if where and where[0] in DECIDED:
                    continue
                name = variable_of(where) if where else f"The settings of {part}"
                said = f"{name}={environment[name]}" if name in environment else name
                raise Refusal(f"{said}: {why}.", Exit.INVALID) from None
