"""Users and grants in Kafka's own protocol. aiokafka's admin client has neither, so the requests are stated here.

Only one version of each is spoken: the newest that aiokafka describes rightly and that Kafka 4 still takes.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import CreateAclsRequest_v1, DeleteAclsRequest_v1, DescribeAclsRequest_v1
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from deploy.kafka.access import Grant

SCRAM_SHA_512 = 2
ITERATIONS = 8192
_ALLOW, _LITERAL, _ANY = 3, 3, 1
_EVERY_HOST = "*"


class _ScramResponse(Response):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _ScramStruct(RequestStruct):  # type: ignore[misc]  # aiokafka has no types
    FLEXIBLE_VERSION = True
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = _ScramResponse
    SCHEMA = Schema(
        ("deletions", CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields))),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Scram(Request[_ScramStruct]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = 51

    def __init__(self, passwords: dict[str, str]) -> None:
        self._passwords = passwords

    def build(self, request_struct_class: type[_ScramStruct]) -> _ScramStruct:
        return request_struct_class([], [_credential(*one) for one in self._passwords.items()], {})


class _Describe(Request[DescribeAclsRequest_v1]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = DescribeAclsRequest_v1.API_KEY

    def build(self, request_struct_class: type[DescribeAclsRequest_v1]) -> DescribeAclsRequest_v1:
        return request_struct_class(_ANY, None, _ANY, None, None, _ANY, _ANY)


class _Create(Request[CreateAclsRequest_v1]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = CreateAclsRequest_v1.API_KEY

    def __init__(self, grants: Iterable[Grant]) -> None:
        self._rows = [_row(grant) for grant in sorted(grants)]

    def build(self, request_struct_class: type[CreateAclsRequest_v1]) -> CreateAclsRequest_v1:
        return request_struct_class(self._rows)


class _Delete(Request[DeleteAclsRequest_v1]):  # type: ignore[misc]  # aiokafka has no types
    API_KEY = DeleteAclsRequest_v1.API_KEY

    def __init__(self, grants: Iterable[Grant]) -> None:
        self._rows = [_row(grant) for grant in sorted(grants)]

    def build(self, request_struct_class: type[DeleteAclsRequest_v1]) -> DeleteAclsRequest_v1:
        return request_struct_class(self._rows)


def _row(grant: Grant) -> tuple[int, str, int, str, str, int, int]:
    return (grant.kind, grant.name, _LITERAL, f"User:{grant.user}", _EVERY_HOST, grant.operation, _ALLOW)


def _credential(user: str, password: str) -> tuple[Any, ...]:
    """The broker gets a salted hash; the password itself does not travel."""
    salt = secrets.token_bytes(32)
    salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return (user, SCRAM_SHA_512, ITERATIONS, salt, salted, {})


async def set_passwords(client: AIOKafkaClient, passwords: dict[str, str]) -> None:
    """Lets these users in with these passwords; connections that are open stay open."""
    answer = await client.send(client.get_random_node(), _Scram(passwords))
    for user, code, message, _tags in answer.results:
        _raise_for(code, message, f"user {user}")


async def put_in_place(client: AIOKafkaClient, wanted: frozenset[Grant], users: Iterable[str]) -> tuple[int, int]:
    """Grants what is wanted and takes back what these users have beyond it. Returns how many of each.

    Grants to other users are left alone: an operator may have connected a system of their own.
    """
    users = set(users)
    found = await _grants(client)
    missing = wanted - found
    excess = {grant for grant in found - wanted if grant.user in users}
    if missing:
        answer = await client.send(client.get_random_node(), _Create(missing))
        for code, message in answer.creation_responses:
            _raise_for(code, message, "a grant")
    if excess:
        answer = await client.send(client.get_random_node(), _Delete(excess))
        for code, message, _matching in answer.filter_responses:
            _raise_for(code, message, "taking back a grant")
    return len(missing), len(excess)


async def _grants(client: AIOKafkaClient) -> set[Grant]:
    answer = await client.send(client.get_random_node(), _Describe())
    _raise_for(answer.error_code, answer.error_message, "reading the grants")
    return {
        Grant(principal.removeprefix("User:"), operation, kind, name)
        for kind, name, pattern, acls in answer.resources
        for principal, host, operation, permission in acls
        if pattern == _LITERAL and host == _EVERY_HOST and permission == _ALLOW
    }


def _raise_for(code: int, message: str | None, what: str) -> None:
    if code:
        raise for_code(code)(f"{what}: {message}")
