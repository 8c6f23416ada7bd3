"""The addresses that a mail leads its reader to: signed while it is rendered, kept nowhere.

A key is made when the first link is needed and when the last one is old, by whichever replica comes first; it is stated in the same
transaction. A rebuild makes none and signs nothing: it renders no mail.
"""

from __future__ import annotations

import datetime as dt

from services.notifications import store
from services.notifications.keys import LINK_LIVES, LinkKey, SigningKey, made, signs
from services.notifications.letters import BriefMail, PlaceMail
from shared.deciding.transaction import Decider
from shared.state.rows import loaded_by
from shared.web.links import Link, Purpose, Signer, arrangement, new_key

ENROLMENT = "enrolment"
"""The service that shows a place: the audience of the links to it, and its path at the origin."""
LOOK_AGAIN = dt.timedelta(minutes=1)
"""How soon a key that was withdrawn signs nothing any more."""


class Links:
    """Makes the addresses of one process. Without a base address mails lead nowhere, and there is no key."""

    def __init__(self, decider: Decider, base_url: str | None) -> None:
        self._decider = decider
        self._base_url = base_url.rstrip("/") if base_url else None
        self._signer: Signer | None = None
        self._looked_at: dt.datetime | None = None

    @property
    def lead_somewhere(self) -> bool:
        return self._base_url is not None

    async def ready(self) -> None:
        """Returns once there is a key that signs now. Asked before mails are rendered, outside of any transaction."""
        now = self._decider.service.clock()
        fresh = self._looked_at is not None and now - self._looked_at < LOOK_AGAIN
        if self.lead_somewhere and not (fresh and self._signer and now < self._signer.signs_until):
            key = await self._key(now)
            self._signer = Signer(key.key_id, key.private_key, key.signs_until, key.verifies_until)
            self._looked_at = now

    def of(self, mail: PlaceMail | BriefMail, person_id: str) -> str:
        """Where this person sees their place in this session, and what can be done about it."""
        if self._signer is None:
            raise RuntimeError("a link was asked for before there was a key")
        link = Link(
            audience=ENROLMENT,
            purpose=Purpose.PLACE,
            person_id=person_id,
            session_id=mail.session_id,
            language=mail.language,
            arranged=arrangement(mail.venue, mail.address, mail.meetings),
            until=max(meeting.ends_at for meeting in mail.meetings) + LINK_LIVES,
        )
        return f"{self._base_url}/{ENROLMENT}/place/{self._signer.token(link)}"

    async def _key(self, now: dt.datetime) -> SigningKey:
        async with self._decider.engine.connect() as connection:
            key, stated = await store.signing_key(connection, ENROLMENT)
        if key is not None and signs(key, stated, now):
            return key
        async with self._decider.unit_of_work() as (connection, thought):
            await store.lock_signing_keys(connection)
            key, stated = await store.signing_key(connection, ENROLMENT)
            if key is not None and signs(key, stated, now):  # Another replica was first.
                return key
            working = self._decider.service.working(now)
            key, fact = made(ENROLMENT, f"key-{self._decider.service.new_id()}", new_key(), now)
            working[SigningKey].put(key)
            working[LinkKey].loaded(
                (), loaded_by("key_id", [key.key_id])
            )  # Nobody has stated anything of it: it is new.
            working.say(fact)
            await self._decider.write(connection, working)
            thought.add(working)
        return key
