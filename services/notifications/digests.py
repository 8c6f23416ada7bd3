"""Digests: what of a person's address is remembered in facts, which are kept for ever and name nobody. Pure.

A digest is `name.value`: the key's name, and 32 bits of a hash under a key that stays in our own database (`store.py`
makes them). It tells whether two addresses of one person are the same. Without the key nobody can try an address that
they guess, and who has the key knows the addresses anyway, until they are forgotten.
"""

from __future__ import annotations


def is_the_same(then: str | None, now: str | None) -> bool:
    """Whether two digests are of the same. What is not known, or was made under another key, is taken for the same:
    nobody is mailed anew because a database was lost."""
    if then is None or now is None:
        return True
    return then == now or name_of(then) != name_of(now)


def name_of(digest: str) -> str:
    """The key's name."""
    return digest.partition(".")[0]
