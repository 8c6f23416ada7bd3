"""How a client of ours connects to Kafka. Imports nothing, so that whoever only connects loads nothing else."""

from __future__ import annotations

from typing import Any


def kafka_client(servers: str, user: str | None, password: str | None) -> dict[str, Any]:
    """What every client is given: `servers` comma separated; with a user and a password SASL SCRAM-SHA-512."""
    client: dict[str, Any] = {"bootstrap_servers": servers.split(",")}
    if user and password:
        client |= {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": user,
            "sasl_plain_password": password,
        }
    return client
