"""From an attempt to the mail as it travels: what everybody who sends or previews a mail writes it with. Sends nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import lru_cache

from services.notifications.decisions import Attempt, message_id
from services.notifications.dkim import Dkim
from services.notifications.kinds import KINDS, Subject, subject_of
from services.notifications.letters import Letter, Recipient, WrittenMail
from services.notifications.linking import Links
from services.notifications.mail import Prepared, Renderer
from services.notifications.mime import deliverable
from services.notifications.returning import AnswerPath, thread_of
from services.notifications.settings import NotificationsSettings
from services.notifications.tables import digest_key, ensure_key
from services.notifications.tasks import code_of
from services.notifications.untold import Mail
from shared.deciding.transaction import Decider

NOBODY = Recipient("preview", "", "", "preview@example.org")
_NEVER = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Writer:
    """Writes mails as the settings say. The same attempt always gives the same bytes, whoever asks."""

    def __init__(self, decider: Decider, settings: NotificationsSettings) -> None:
        self.links = Links(decider, settings.base_url)
        leads = self.links.lead_somewhere
        self._renderer = Renderer(
            sender=settings.sender,
            sender_name=settings.sender_name,
            organiser=settings.organiser,
            organiser_name=settings.organiser_name,
            base_url=settings.base_url,
            page_of=self.links.of if leads else None,
            ticket_of=self.links.ticket if leads else None,
            mute_of=self.links.to_mute if leads else None,
            code_of=self._code_of,
            calendar_of=self.links.to_calendar if leads else None,
            answers_at=self._answers_at if settings.calendar_path is not None else None,
            wording=settings.wording,
            programme=settings.programme,
        )
        self._engine, self._calendar_path = decider.engine, settings.calendar_path
        self._answers: AnswerPath | None = None
        self._key: str | None = None
        self._domain = settings.domain
        self._rehearse_to = settings.rehearse_to
        self._dkim = _dkim(settings)
        self._shared = lru_cache(maxsize=500)(self._rendered)

    async def ready(self) -> None:
        """Returns once the links of such mails can be signed, and the codes in links of others be made. Asked outside of any transaction."""
        await self.links.all_ready()
        if self._key is None:
            async with self._engine.begin() as connection:
                await ensure_key(connection)
                self._key = await digest_key(connection)
        if self._calendar_path is not None and self._answers is None:
            self._answers = AnswerPath(self._calendar_path, self._key)

    def written(self, attempt: Attempt) -> tuple[bytes, str]:
        """The mail, and the address that it goes to. ValueError: no mail can carry what it should say."""
        recipient, letter = _addressed(attempt, self._domain)
        is_shown = attempt.notice.rehearses and self._rehearse_to is not None
        if is_shown and self._rehearse_to is not None:
            letter = replace(letter, instead_of=f"{recipient.person_id} <{recipient.email}>")
            recipient = replace(recipient, email=self._rehearse_to)
        mail = attempt.truth.matter.mail(attempt.notice, attempt.difference)
        prepared = self._shared(subject_of(attempt.notice.about), mail, is_shown)
        message = self._renderer.message(prepared, recipient, letter)
        address = deliverable(recipient.email, by_smtputf8=True)
        return message if self._dkim is None else self._dkim.signed(message), address

    def _code_of(self, session_id: str, person_id: str) -> str:
        if self._key is None:
            raise RuntimeError("a link with somebody's code was asked for before there was a key")
        return code_of(self._key, session_id, person_id)

    def for_nobody(self, mail: WrittenMail) -> bytes:
        """The same mail to nobody in particular, and without a way to do without it."""
        sheet = KINDS[Subject(mail.letter)].sheet(mail, self._renderer.office)
        letter = Letter(message_id(NOBODY.person_id, self._domain), NOBODY.person_id, _NEVER)
        return self._renderer.message(self._renderer.shared(sheet), NOBODY, letter)

    def _answers_at(self, session_id: str, person_id: str) -> str:
        if self._answers is None:
            raise RuntimeError("an invitation was asked for before its organiser was known")
        return self._answers.of(session_id, person_id)

    def _rendered(self, subject: Subject, mail: Mail, is_shown: bool) -> Prepared:  # The cache's key.
        sheet = KINDS[subject].sheet(mail, self._renderer.office)
        if is_shown:
            words = self._renderer.office.wording.common[sheet.language]
            sheet = replace(sheet, subject=f"[{words.rehearsal}] {sheet.subject}")
        return self._renderer.shared(replace(sheet, mutes=KINDS[subject].mutes))


def _dkim(settings: NotificationsSettings) -> Dkim | None:
    """Raises for a key that cannot be read: better now than at each mail."""
    if settings.dkim_key_file is None or settings.dkim_selector is None:
        return None
    domain = settings.sender.rpartition("@")[2]
    return Dkim(settings.dkim_key_file.read_bytes(), domain=domain, selector=settings.dkim_selector)


def _addressed(attempt: Attempt, domain: str) -> tuple[Recipient, Letter]:
    """To whom, and what the mail is known by."""
    notice, person, contact = attempt.notice, attempt.truth.to.person, attempt.truth.to.contact
    if person is None or contact is None or contact.email is None or notice.stated_at is None:
        raise RuntimeError(f"{notice.notice_id} was claimed and lacks whom to tell")
    return (
        Recipient(notice.recipient, person.given_name or "", person.family_name or "", contact.email),
        Letter(
            message_id(notice.notice_id, domain),
            notice.notice_id,
            notice.stated_at,
            thread_of(notice.recipient, notice.about.split("/")[1], domain),
        ),
    )
