"""What notifications is told. The only file here that reads the environment."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, model_validator

from services import SERVICES
from services.notifications.asked import AskingRules
from services.notifications.decisions import Terms
from services.notifications.going_live import Stage
from services.notifications.kinds.kind import RELEASE, Rules
from services.notifications.pacing import Rate, Rates
from services.notifications.programme import NOBODYS, Logo, Programme, logo_of, programme_of
from services.notifications.returning import LONGEST_LOCAL
from services.notifications.templates.overriding import wording_of
from services.notifications.templates.wording import OURS, Wording
from services.notifications.untold import office_at
from shared.contracts.model import Language
from shared.settings import Settings

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class MailLogo(BaseModel):
    """A picture for the foot of every mail: PNG, on white."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Path
    shows: str
    """Read aloud to whoever does not see it."""

    def read(self) -> Logo:
        """ValueError: no mail can carry it; it names the file."""
        try:
            return logo_of(self.file.read_bytes(), self.shows)
        except (OSError, ValueError) as error:
            raise ValueError(f"{self.file}: {error}") from None


class NotificationsSettings(Settings):
    """The mail server, who writes, and how far the sender goes."""

    port: int = SERVICES["notifications"].port
    pool_size: int = 12
    """Two lanes, relay, planner, carriers, and HTTP."""

    smtp_host: str = "127.0.0.1"
    smtp_port: int = 1025
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_token_file: Path | None = None
    """Instead of a password: the file with the token to sign in with (XOAUTH2). Read at each connection, so whoever renews the token
    writes the file anew and nothing is restarted."""
    smtp_tls: Literal["never", "if_offered", "starttls", "always"] = "never"
    """`starttls` insists on it: a server that does not offer it gets no mail. Certificates are always checked."""
    smtp_ca_file: Path | None = None
    """Who has signed the server's certificate, beside those that the system trusts (PEM)."""
    return_path: Annotated[str, Field(pattern=rf"^[a-z0-9.-]{{1,{LONGEST_LOCAL}}}@[A-Za-z0-9.-]{{1,180}}$")] | None = (
        None
    )
    """Where what cannot be delivered comes back to: each mail's envelope has an address of its own, such as
    `bounce+…@odbicia.example.org` for `bounce@odbicia.example.org`. None: the sender's address."""
    calendar_path: (
        Annotated[str, Field(pattern=rf"^[a-z0-9.-]{{1,{LONGEST_LOCAL}}}@[A-Za-z0-9.-]{{1,180}}$")] | None
    ) = None
    """Whom calendars answer, such as `kalendarz@odbicia.example.org`: the organiser of each person's entry is an address of its own below it,
    and what a calendar answers there becomes the reply to the place. Calendars take changes from nobody else, so it is never changed while
    sessions are ahead. None: the organiser, whom nobody reads by machine."""
    return_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Where we listen for it by SMTP; the MX of the return path's domain leads here. None: nowhere."""
    return_bytes: Annotated[int, Field(ge=16 * 1024, le=64 * 1024 * 1024)] = 2 * 1024 * 1024
    """The largest mail that is taken there: reports often return the whole of ours."""
    return_connections: Annotated[int, Field(ge=1, le=1000)] = 20
    return_seconds: Annotated[float, Field(gt=0)] = 60.0
    """How long one connection may last, whatever it says."""
    returns_a_minute: Annotated[int, Field(ge=1)] = 600
    """More than so many are told to come later."""
    dkim_key_file: Path | None = None
    """The key that mails are signed with, for the domain of `sender` (PEM; RSA or Ed25519)."""
    dkim_selector: Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$")] | None = None
    """Under which name its public half stands in DNS: `selector._domainkey.domain`."""

    sender: str = "powiadomienia@rollcall.example.org"
    """Envelope sender and From: bounces go there."""
    sender_name: str = "Biuro Programu Szkoleń"
    organiser: str = "szkolenia@rollcall.example.org"
    """Answers questions and replies; calendars take changes from nobody else, so it must outlive the sessions."""
    organiser_name: str = "Biuro Programu Szkoleń"
    office_email: str | None = None
    """Where the office is told of what it has to decide; else at the organiser's address."""
    office_language: Language = Language.PL
    domain: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,100}$")] = "rollcall.example.org"
    """The right side of every Message-ID; never change it while mails are on their way."""
    base_url: str | None = None
    programme_project: str | None = None
    """The project's number and, below it, who pays: at the foot of every mail."""
    programme_funding: str | None = None
    programme_partners: tuple[str, ...] | None = None
    """Who takes part, as JSON: `["Ministerstwo Klimatu", "Politechnika"]`."""
    mail_logos: tuple[MailLogo, ...] | None = None
    """As JSON: `[{"file": "/logos/eu.png", "shows": "Unia Europejska"}]`. Read once, at start; they travel with every mail."""
    words: Path | None = None
    """The folder with what this installation says otherwise than we do: words and frames of mails, in files named as ours. Read once, at
    start, and refused where no mail could be written with it."""
    mail_since: dt.datetime | None = None
    """Go-live of mail, if it is later than `live_since`."""
    rehearse: bool = True
    """Whether a new installation rehearses its mail until an operator states go-live. Of one that has begun, one way or the other, it
    says nothing."""
    rehearse_to: Annotated[str, Field(pattern=r"^[\x21-\x3f\x41-\x7e]+@[A-Za-z0-9.-]{1,180}$")] | None = None
    """The one address that all mails go to as long as they are rehearsed. None: they are sent to nobody."""

    texts_kept_for: Annotated[dt.timedelta, Field(ge=dt.timedelta(days=1))] = dt.timedelta(days=180)
    """So long after a message of the office is of use no more, what it said is forgotten (`P180D`); that it was sent, when, to whom and why
    is kept."""

    carriers: Annotated[int, Field(ge=1, le=16)] = 2
    """Groups under way at once: while one is being sent, the other is settled and the next one claimed."""
    connections: Annotated[int, Field(ge=1, le=64)] = 24
    """Kept connections of each carrier; a group is never larger than those that are open."""
    mails_a_second: Annotated[float, Field(gt=0)] | None = None
    """To all together, of all replicas together. None: as fast as the server takes them."""
    mails_a_minute_to_a_domain: Annotated[float, Field(gt=0)] | None = None
    """To the recipients at one domain: large providers refuse whoever writes to many of them at once. None: as fast as may be."""
    smtp_seconds: Annotated[float, Field(gt=0)] = 30.0
    """From claim to answer; shorter than the lease, so that nobody else takes a mail that may still be leaving."""
    lease_seconds: Annotated[float, Field(gt=0)] = 90.0
    give_up_after: dt.timedelta = dt.timedelta(days=5)
    """For so long a server that says "later" is asked again. Counted in time, as mail servers do: a full mailbox or a server
    that is away over a long weekend costs nobody their mail."""
    retry_first_seconds: Annotated[float, Field(gt=0)] = 2.0
    retry_most_seconds: Annotated[float, Field(gt=0)] = 3600.0
    """A pause is as long as it has been tried so far, between these two."""
    reminder_hour: Annotated[int, Field(ge=6, le=21)] = 15
    """From this hour on people are reminded of what begins the next day, by the clocks of that place; clocks change at night."""
    reminder_quiet_hours: Annotated[float, Field(ge=0)] = 24.0
    """Who was mailed about their place within so long before that hour is not reminded of it."""
    reply_reminder_hours: Annotated[float, Field(gt=0, le=24 * 60)] = 57.0
    """So long before the decision day begins whoever has not said whether they come is reminded: 57 is 15:00 two days before."""
    digest_day: Literal["never", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = (
        "monday"
    )
    """On which day the office gets its weekly digest of what stands open, by Polish clocks."""
    digest_hour: Annotated[int, Field(ge=6, le=21)] = 8
    """From which hour on; clocks change at night."""
    settling_seconds: Annotated[float, Field(ge=0, le=3600)] = 20.0
    """So long after it was first found a change may still become another one, or nothing, before anybody is told; a call to nominate four
    times as long. What ends, and what somebody acts on within a day, is told at once."""
    askers: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] | None = None
    """Whose word on `notifications.requests` counts, by `ce_source` (`["urn:example:materials"]`): whom they name gets a mail of ours. Over HTTP
    it is that of a token of scope `office`. None: nobody's."""
    asked_a_day: Annotated[int, Field(ge=1, le=1000)] = 10
    """So many mails to one person may be asked for within a day; more are declined."""

    plan_most: int = 5_000
    """Differences found by one look; more are found by the next."""
    reconcile_seconds: float = 60.0
    """How often everything true is compared with everything told, whatever was heard."""
    news_reach_seconds: float = 10.0
    """Beyond this what was heard late is found by comparing the whole: nearly everything would be news."""
    catch_up_seconds: float = 1.0
    """How often that is done at most."""
    send_poll_seconds: float = 1.0

    _wording: Wording = PrivateAttr(default=OURS)
    _programme: Programme = PrivateAttr(default=NOBODYS)

    @model_validator(mode="after")
    def _deadline_before_lease(self) -> Self:
        if self.smtp_seconds * 2 > self.lease_seconds:
            raise ValueError("lease_seconds must be at least twice smtp_seconds")
        return self

    @model_validator(mode="after")
    def _signs_in_safely(self) -> Self:
        signs_in = self.smtp_password is not None or self.smtp_token_file is not None
        if self.smtp_password is not None and self.smtp_token_file is not None:
            raise ValueError("smtp_password and smtp_token_file exclude each other")
        if self.smtp_user is None and self.smtp_token_file is not None:
            raise ValueError("smtp_token_file needs smtp_user")
        # Who stands between us and the server takes the offer away, and reads what we say.
        if signs_in and self.smtp_tls == "if_offered":
            raise ValueError(
                "whoever signs in insists on TLS: smtp_tls must be starttls or always (or never, on a network of your own)"
            )
        if self.return_port is not None and self.return_path is None:
            raise ValueError("return_port needs return_path: nothing would come there")
        if self.calendar_path is not None and self.return_port is None:
            raise ValueError("calendar_path needs return_port: nobody would hear what calendars answer")
        if (self.dkim_key_file is None) != (self.dkim_selector is None):
            raise ValueError("dkim_key_file and dkim_selector go together")
        return self

    @model_validator(mode="after")
    def _words_say_all(self) -> Self:
        self._wording = wording_of(self.words)
        return self

    @model_validator(mode="after")
    def _names_whose_it_is(self) -> Self:
        logos = [one.read() for one in self.mail_logos or ()]
        partners = self.programme_partners or ()
        self._programme = programme_of(self.programme_project, self.programme_funding, partners, logos)
        return self

    @property
    def programme(self) -> Programme:
        """What stands at the foot of every mail."""
        return self._programme

    @property
    def wording(self) -> Wording:
        """What mails say here."""
        return self._wording

    @property
    def since(self) -> dt.datetime:
        return max(self.live_since, self.mail_since or self.live_since)

    def rules_at(self, stage: Stage) -> Rules:
        """As they are at this stage. What was so before go-live is not ours to tell."""
        since = max(self.since, stage.live_at) if stage.live_at is not None else self.since
        return replace(self.rules, since=since, rehearses=stage.rehearses)

    def terms_at(self, stage: Stage) -> Terms:
        return replace(self.terms(), since=self.rules_at(stage).since, after_rehearsal=stage.live_at is not None)

    @property
    def rates(self) -> Rates:
        """After a rest a tenth of a second's worth leaves at once; to a domain a second's."""
        second, minute = self.mails_a_second, self.mails_a_minute_to_a_domain
        overall = Rate(second, saved_seconds=0.1) if second is not None else None
        return Rates(overall, Rate(minute / 60, saved_seconds=1.0) if minute is not None else None)

    @property
    def asking(self) -> AskingRules:
        return AskingRules(frozenset(self.askers or ()), self.asked_a_day, self.held_for, self.since)

    @property
    def rules(self) -> Rules:
        return Rules(
            self.since,
            self.reminder_hour,
            dt.timedelta(hours=self.reminder_quiet_hours),
            dt.timedelta(hours=self.reply_reminder_hours),
            dt.timedelta(seconds=self.settling_seconds),
            DAYS.index(self.digest_day) if self.digest_day != "never" else None,
            self.digest_hour,
            office_at(self.office_email or self.organiser, self.organiser_name, self.office_language),
            f"{RELEASE}{self.wording.digest}{self.programme.digest}",
        )

    def terms(self) -> Terms:
        return Terms(
            since=self.since,
            domain=self.domain,
            lease_seconds=self.lease_seconds,
            give_up_after=self.give_up_after,
            retry_first_seconds=self.retry_first_seconds,
            retry_most_seconds=self.retry_most_seconds,
        )
