"""The addresses that a mail leads its reader to: signed while it is rendered, kept nowhere.

A key is made when the first link is needed and when the last one is old, by whichever replica comes first; it is stated in the same
transaction. A rebuild makes none and signs nothing: it renders no mail.
"""

from __future__ import annotations

import datetime as dt

from services.notifications import store
from services.notifications.keys import LINK_LIVES, SigningKey, made, signs
from services.notifications.letters import BriefMail, PlaceMail
from services.notifications.sheets import Feed
from shared.contracts.model import Language
from shared.contracts.notifications import Mutable
from shared.deciding.transaction import Decider
from shared.state.link_keys import LinkKey
from shared.state.rows import loaded_by
from shared.web.links import TICKET_LIVES, Link, Purpose, Signer, Subscription, Ticket, arrangement, new_key

ENROLMENT = "enrolment"
"""The service that shows a place: the audience of the links to it, and its path at the origin."""
ATTENDANCE = "attendance"
"""The same for the lists of a session, which its trainers keep."""
OWN = "notifications"
"""The same for what somebody is sent."""
LOOK_AGAIN = dt.timedelta(minutes=1)
"""How soon a key that was withdrawn signs nothing any more."""


class Links:
    """Makes the addresses of one process. Without a base address mails lead nowhere, and there is no key."""

    def __init__(self, decider: Decider, base_url: str | None) -> None:
        self._decider = decider
        self._base_url = base_url.rstrip("/") if base_url else None
        self._signers: dict[str, tuple[Signer, dt.datetime]] = {}
        """By audience, with when that key was looked at last."""

    @property
    def lead_somewhere(self) -> bool:
        return self._base_url is not None

    async def all_ready(self) -> None:
        """Returns once there is a key that signs now for each audience. Asked before mails are rendered, outside of any transaction."""
        for audience in (ENROLMENT, ATTENDANCE, OWN):
            await self.ready(audience)

    async def ready(self, audience: str = ENROLMENT) -> None:
        """The same for one audience."""
        if not self.lead_somewhere:
            return
        now = self._decider.service.clock()
        signer, looked_at = self._signers.get(audience, (None, now))
        if signer is None or now - looked_at >= LOOK_AGAIN or now >= signer.signs_until:
            key = await self._key(audience, now)
            self._signers[audience] = (
                Signer(key.key_id, key.private_key, key.signs_until, key.verifies_until),
                now,
            )

    def of(self, mail: PlaceMail | BriefMail, person_id: str) -> str:
        """Where this person sees what the mail leads to, and what can be done about it."""
        if mail.leads_to is Purpose.LISTS:
            return self.to_lists(mail, person_id)
        if mail.leads_to is Purpose.PAPERS:
            moments = [meeting.ends_at for meeting in mail.meetings]
            if isinstance(mail, BriefMail) and mail.of_use_until is not None:
                moments.append(mail.of_use_until)  # A list that is put right years later makes another certificate.
            until = max(moments) + TICKET_LIVES
            return self._leads_to(ATTENDANCE, Purpose.PAPERS, "papers", mail, person_id, until)
        until = max(meeting.ends_at for meeting in mail.meetings) + LINK_LIVES
        return self._leads_to(ENROLMENT, Purpose.PLACE, "place", mail, person_id, until)

    def ticket(self, mail: PlaceMail | BriefMail, person_id: str) -> tuple[str, str]:
        """What lets this person in at the door of this session, and the page where they say by it and the code of the room's screen that
        they are there."""
        until = max(meeting.ends_at for meeting in mail.meetings) + TICKET_LIVES
        ticket = self._signer(ATTENDANCE).ticket(Ticket(ATTENDANCE, person_id, mail.session_id, until))
        return ticket, f"{self._base_url}/{ATTENDANCE}/check-in/{ticket}"

    def to_lists(self, mail: PlaceMail | BriefMail, person_id: str) -> str:
        """Where this trainer keeps the lists of this session. From when until when, the page itself says, by the days as they are then:
        so the link lives as long as a ticket and goes along with a session that is moved."""
        until = max(meeting.ends_at for meeting in mail.meetings) + TICKET_LIVES
        return self._leads_to(ATTENDANCE, Purpose.LISTS, "lists", mail, person_id, until)

    def to_mute(self, what: Mutable, language: Language, recipient: str) -> str:
        """Where this recipient does without such mails: shown by GET, done by POST, at one click (RFC 8058)."""
        token = self._signer(OWN).subscription(Subscription(OWN, Purpose.MUTE, recipient, what, language))
        return f"{self._base_url}/{OWN}/mute/{token}"

    def to_calendar(self, feed: Feed, language: Language, recipient: str) -> str:
        """Where this recipient finds all their trainings, or their town's, for a calendar to fetch. Good for as long as its key is, and
        as they are who they are: whoever was merged or erased, or coordinates the town no more, opens nothing by it."""
        purpose = Purpose.CALENDAR if feed.city_id is None else Purpose.TOWN_CALENDAR
        of = Subscription(OWN, purpose, recipient, feed.city_id or recipient, language)
        return f"{self._base_url}/{OWN}/calendar/{self._signer(OWN).subscription(of)}"

    def _signer(self, audience: str) -> Signer:
        if audience not in self._signers:
            raise RuntimeError(f"a link to {audience} was asked for before there was a key")
        return self._signers[audience][0]

    def _leads_to(
        self,
        audience: str,
        purpose: Purpose,
        page: str,
        mail: PlaceMail | BriefMail,
        person_id: str,
        until: dt.datetime,
    ) -> str:
        signer = self._signer(audience)
        arranged = arrangement(mail.venue, mail.address, mail.meetings)
        link = Link(audience, purpose, person_id, mail.session_id, mail.language, arranged, until)
        return f"{self._base_url}/{audience}/{page}/{signer.token(link)}"

    async def _key(self, audience: str, now: dt.datetime) -> SigningKey:
        async with self._decider.engine.connect() as connection:
            key, stated = await store.signing_key(connection, audience)
        if key is not None and signs(key, stated, now):
            return key
        async with self._decider.unit_of_work() as (connection, thought):
            await store.lock_signing_keys(connection)
            key, stated = await store.signing_key(connection, audience)
            if key is not None and signs(key, stated, now):  # Another replica was first.
                return key
            working = self._decider.service.working(now)
            key, fact = made(audience, f"key-{self._decider.service.new_id()}", new_key(), now)
            working[SigningKey].put(key)
            working[LinkKey].loaded(
                (), loaded_by("key_id", [key.key_id])
            )  # Nobody has stated anything of it: it is new.
            working.say(fact)
            await self._decider.write(connection, working)
            thought.add(working)
        return key
