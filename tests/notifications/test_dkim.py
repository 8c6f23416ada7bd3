"""What we sign, dkimpy believes; and nothing else."""

from __future__ import annotations

from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.dkim import Dkim
from tests.notifications.mails import LETTER, RENDERER, ZANETA, session_mail, shared

KEY = rsa.generate_private_key(65537, 2048)
MAIL = RENDERER.message(shared(session_mail()), ZANETA, LETTER)


def pem(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def believed(mail: bytes, key: Any = KEY) -> bool:
    """By a receiver that finds our key in DNS."""
    import base64

    if isinstance(key, ed25519.Ed25519PrivateKey):
        kind, public = "ed25519", key.public_key().public_bytes_raw()
    else:
        kind, public = "rsa", key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}".encode()
    return bool(
        dkim.verify(mail, dnsfunc=lambda name, timeout=5: record if name == b"s1._domainkey.example.org." else b"")
    )


def signed(mail: bytes, key: Any = KEY) -> bytes:
    return Dkim(pem(key), domain="example.org", selector="s1").signed(mail)


def test_a_signed_mail_is_believed_and_is_the_same_mail() -> None:
    mail = signed(MAIL)
    assert believed(mail)
    assert mail.endswith(MAIL)
    assert max(map(len, mail.split(b"\r\n"))) <= 998


def test_a_signature_with_ed25519_is_believed() -> None:
    pytest.importorskip("nacl")
    key = ed25519.Ed25519PrivateKey.generate()
    assert believed(signed(MAIL, key), key)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"Subject: ", b"Subject: Re: "),
        (b"\r\nTo: ", b"\r\nSubject: another\r\nTo: "),
        (b"\r\nTo: ", b"\r\nList-Unsubscribe: <https://elsewhere.example.org>\r\nTo: "),
        (b"--=_notice-0003_m--", b"--=_notice-0003_m--\r\nmore"),
    ],
)
def test_what_is_changed_on_the_way_is_not(was: bytes, becomes: bytes) -> None:
    mail = signed(MAIL)
    assert mail.count(was) == 1
    assert not believed(mail.replace(was, becomes))


lines = st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60), max_size=5)


@given(headers=lines, body=lines, end=st.integers(0, 3))
def test_whatever_is_in_it(headers: list[str], body: list[str], end: int) -> None:
    """Folded, with spaces in odd places, and ending in empty lines."""
    subject = "\r\n ".join(one for one in ("x", *headers) if one.strip())
    mail = f"From: a@example.org\r\nSubject:{subject}\r\nTo:  b@example.org \r\n\r\n" + "\r\n".join(body) + "\r\n" * end
    assert believed(signed(mail.encode()))


def test_a_key_that_nobody_would_believe_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="DKIM"):
        Dkim(pem(ec.generate_private_key(ec.SECP256R1())), domain="example.org", selector="s1")
