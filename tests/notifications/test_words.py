"""What an installation says otherwise: it is said, it is held to ours before there is a mail, and it tells nobody anything anew."""

from __future__ import annotations

import email
import email.policy
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from services.notifications.letters import Named, PlaceMail
from services.notifications.mail import Renderer
from services.notifications.messages import Writing
from services.notifications.place_sheet import place_sheet
from services.notifications.previewing import previewed_message
from services.notifications.settings import NotificationsSettings
from services.notifications.sheets import CALM, brief
from services.notifications.templates.frames import FOLDER
from services.notifications.templates.overriding import OUR_FRAMES, BrokenWords, line_of, wording_of
from services.notifications.templates.shown import FRAMES, NoticeShown
from services.notifications.templates.trying import faults_of_frame, samples
from services.notifications.templates.wording import OUR_FILES, OURS, Wording
from services.notifications.templates.words import Notice
from services.notifications.writing import Writer
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from shared.contracts.notifications import Audience
from shared.deciding.transaction import Decider
from tests.notifications.building import place
from tests.notifications.mails import LETTER, RENDERER, ZANETA, body, brief_mail, session_mail
from tests.notifications.office import SERVICE, Office, settled

HERE = ('[notices.confirmation]\nlead = "Do zobaczenia!"\n', '[notices.confirmation]\nlead = "See you!"\n')
FRAME = (FOLDER / "notice.mjml").read_text("utf-8")
TEXT = (FOLDER / "notice.txt").read_text("utf-8")


def at(text: str) -> int:
    """In which line of our frame it stands."""
    return FRAME[: FRAME.index(text)].count("\n") + 1


def folder_with(folder: Path, **files: str) -> Path:
    """Of files by their name, with `__` for each dot."""
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, "utf-8")
    return folder


def written(wording: Wording, mail: PlaceMail) -> tuple[str, str]:
    """The text and the HTML of a mail, with these words."""
    renderer = Renderer(
        sender="p@example.org", sender_name="P", organiser="o@example.org", organiser_name="O", wording=wording
    )
    message = renderer.message(renderer.shared(place_sheet(mail, renderer.office)), ZANETA, LETTER)
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(parsed, email.message.EmailMessage)
    return body(parsed, "plain"), body(parsed, "html")


# --- it is said ------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "called"), [("pl", "ma miejsce"), ("en", "has a place")])
def test_a_standing_is_called_as_in_all_mails_where_a_kind_has_no_words_of_its_own_for_it(
    language: str, called: str
) -> None:
    notice = OURS.kinds["nomination"][Language(language)]["nomination_answered"]
    own = notice.model_copy(update={"fates": {"enrolled": "!", "waitlisted": "{number}"}})
    people = (Named("Anna", Standing.ENROLLED), Named("Jan", Standing.WAITLISTED, 3))
    mail = brief_mail("nomination_answered", Language(language), people=people, town="Augustów")

    def told(notice: Notice) -> list[str | None]:
        shown = brief(mail, RENDERER.office, notice, CALM).shown
        assert isinstance(shown, NoticeShown)
        return [said for _, said in shown.people]

    assert told(own) == ["!", "3"]
    assert told(notice.model_copy(update={"fates": {"waitlisted": "{number}"}})) == [called, "3"]


@pytest.mark.parametrize(("language", "lead"), [(Language.PL, "Do zobaczenia!"), (Language.EN, "See you!")])
def test_what_an_installation_says_otherwise_is_said_and_all_else_stays(
    tmp_path: Path, language: Language, lead: str
) -> None:
    wording = wording_of(folder_with(tmp_path, pl__toml=HERE[0], en__toml=HERE[1]))
    for part in written(wording, session_mail(language=language)):
        assert lead in part and OURS.common[language].notices.confirmation.lead not in part
    assert wording.common[language].notices.change_when == OURS.common[language].notices.change_when
    assert wording.kinds == OURS.kinds


def test_a_kinds_words_and_a_frame_may_be_others(tmp_path: Path) -> None:
    said = '[reminder]\nbadge = "{}"\n'
    files = {"reminder__pl__toml": said.format("Już jutro"), "reminder__en__toml": said.format("Soon")}
    wording = wording_of(folder_with(tmp_path, **files, notice__txt=f"*** Gmina ***\n{TEXT}"))
    assert wording.kinds["reminder"][Language.PL]["reminder"].badge == "Już jutro"
    text, html = written(wording, session_mail())
    assert text.startswith("*** Gmina ***") and "Gmina" not in html


def test_names_that_a_text_says_enough_without_may_be_left_out(tmp_path: Path) -> None:
    wording_of(folder_with(tmp_path, pl__toml='greeting = "Szanowni Państwo,"\n', en__toml='greeting = "Hello,"\n'))


def test_ours_as_a_whole_may_be_said_otherwise(tmp_path: Path) -> None:
    for name in (*OUR_FILES, *OUR_FRAMES):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    (tmp_path / "..data").mkdir()
    said = wording_of(tmp_path)
    assert (said.common, said.kinds) == (OURS.common, OURS.kinds)


@pytest.mark.parametrize("frame", OUR_FRAMES)
def test_our_own_frames_show_all_there_is_to_show_and_are_small(frame: str) -> None:
    assert list(faults_of_frame(OURS, frame)) == []


def test_a_sample_has_every_name_that_a_frame_may_write() -> None:
    assert {sample.shown.tone for frame in FRAMES for sample in samples(frame + ".txt", Language.PL, OURS)} == {
        "good", "calm", "changed", "off"
    }  # fmt: skip


async def test_whoever_previews_a_mail_reads_it_in_these_words(office: Office, tmp_path: Path) -> None:
    said = '[written.town]\nbadge = "{}"\n'
    words = folder_with(tmp_path, pl__toml=said.format("Gmina pisze"), en__toml=said.format("The town writes"))
    settings = NotificationsSettings(**(office.settings.model_dump() | {"words": words}))
    asked = Writing(Audience.TOWN, "city-1", (), "Sala", "Sala jest inna.", None, "why")
    assert "Gmina pisze" in previewed_message(asked, Writer(Decider(office.engine, SERVICE), settings)).html


# --- it is refused at start ------------------------------------------------------------------

BROKEN = {
    "an unknown key": ({"pl__toml": 'x = 1\n[notices.confirmation]\n\nleed = "a"\n'}, "pl.toml:4: notices.confirmation.leed is not known"),
    "an unknown table": ({"pl__toml": '# a\n[notices.confirmatoin]\nlead = "a"\n'}, "pl.toml:2: notices.confirmatoin is not known"),
    "an unknown situation": ({"offer__pl__toml": '[offered]\nlead = "a"\n'}, "offer.pl.toml:2: offered.lead is not known"),
    "an unknown figure": ({"risk__en__toml": '[at_risk.figures]\nmaximum = "a"\n'}, "risk.en.toml:2: at_risk.figures.maximum is not known"),
    "bad TOML": ({"en__toml": '[labels]\nwhen = "When\n'}, "en.toml:2: "),
    "not UTF-8": ({}, "pl.toml: "),
    "not a text": ({"en__toml": "[labels]\nwhen = 3\n"}, "en.toml:2: labels.when – Input should be a valid string"),
    "an empty text": ({"en__toml": '[labels]\nwhen = ""\n'}, "en.toml:2: labels.when – "),
    "two lines": ({"en__toml": '[labels]\n\nwhen = """When\nand why"""\n'}, "en.toml:3: labels.when – "),
    "a brace": ({"en__toml": '[labels]\nwhen = "When {"\n'}, "en.toml:2: labels.when – "),
    "more than a name": ({"en__toml": 'greeting = "Hello {given_name!r}"\n'}, "en.toml:1: greeting – "),
    "a name nobody fills in": ({"en__toml": 'greeting = "Hello {name}"\n'}, "en.toml:1: greeting names {name}, and nothing fills that in; there is {given_name}"),
    "a name of another entry": ({"en__toml": '[notices.confirmation]\nlead = "In {town}"\n'}, "en.toml:2: notices.confirmation.lead names {town}"),
    "a name left out": ({"en__toml": '[notices.change_several]\nlead = "It changes."\n'}, "en.toml:2: notices.change_several.lead lacks {what}"),
    "what to do with the calendar left out": ({"en__toml": '[notices.confirmation]\nsteps = [\n  "Come.",\n]\n'}, "en.toml:2: notices.confirmation.steps lacks {calendar}"),
    "a step that fills in": ({"en__toml": '[notices.confirmation]\nsteps = ["Do {calendar} this"]\n'}, "en.toml:2: notices.confirmation.steps.0 – "),
    "no steps": ({"en__toml": "[notices.confirmation]\nsteps = []\n"}, "en.toml:2: notices.confirmation.steps – "),
    "an unknown sort of session": ({"en__toml": '[session_kinds]\nshort = "Short"\n'}, "en.toml:2: session_kinds.short"),
    "a file name that is none": ({"en__toml": 'file = "my training"\n'}, "en.toml:1: file – "),
    "a locale nobody knows": ({"en__toml": 'locale = "xx_YY"\n'}, "en.toml:1: locale – "),
    "a language lacking": ({"en__toml": HERE[1], "pl__toml": ""}, "en.toml:2: notices.confirmation.lead is said otherwise in en, and pl.toml lacks it"),
    "a language's file lacking": ({"offer__pl__toml": '[offer]\nbadge = "a"\n'}, "offer.pl.toml:2: offer.badge is said otherwise in pl, and offer.en.toml lacks it"),
    "a file that nothing reads": ({"ofer__pl__toml": ""}, "ofer.pl.toml: no mail reads such a file"),
    "bad syntax": ({"notice__txt": f"{TEXT}{{% if %}}\n"}, f"notice.txt:{TEXT.count(chr(10)) + 1}: "),
    "an unknown filter": ({"notice__txt": f"{{{{ lead | shouted }}}}\n{TEXT}"}, "notice.txt:1: No filter named 'shouted'"),
    "a name that no mail has": ({"notice__mjml": FRAME.replace("{{ notice.badge }}", "{% if false %}{{ badge }}{% endif %}")}, f"notice.mjml:{at('notice.badge')}: {{{{ badge }}}}: no mail has that"),
    "an attribute that nothing has": ({"notice__mjml": FRAME.replace("{{ notice.badge }}", "{% if false %}{{ notice.bagde }}{% endif %}")}, f"notice.mjml:{at('notice.badge')}: .bagde: nothing here has that"),
    "an attribute of something else": ({"notice__mjml": FRAME.replace("{{ notice.badge }}", "{{ labels.badge }}")}, f"notice.mjml:{at('notice.badge')}: "),
    "a name of another frame": ({"written__txt": "{{ topic }}\n"}, "written.txt:1: {{ topic }}: no mail has that"),
    "a tag without an end": ({"notice__mjml": FRAME.replace("</h1>", "", 1)}, f"notice.mjml:{at('</mj-text>')}: mismatched tag"),
    "nothing shown of when": ({"notice__mjml": FRAME.replace("{{ read(day.when) }}", "", 2)}, "notice.mjml: the day is not shown"),
    "no way to do without": ({"written__txt": (FOLDER / "written.txt").read_text("utf-8").replace("{{ mute_page }}", "")}, "written.txt: mute_page is not shown"),
    "no reason": ({"notice__txt": TEXT.replace("{{ reason | wordwrap(72) }}", "")}, "notice.txt: reason is not shown"),
    "a tag that is none": ({"notice__mjml": FRAME.replace("mj-button", "mj-buton")}, f"notice.mjml:{at('mj-button')}: <mj-buton> is no element of MJML"),
    "an address with something beside it": ({"notice__mjml": FRAME.replace('href="{{ their_page }}"', 'href="{{ their_page }}?from=mail"')}, "notice.mjml: an address of somebody's own stands where none can be put"),
    "a picture from elsewhere": ({"notice__mjml": FRAME.replace("<mj-text css-class=\"soft\">", "<mj-text css-class=\"soft\"><img src=\"https://example.org/a.png\" />")}, f'notice.mjml:{at("<mj-text css-class")}: src="https://example.org/a.png – nothing is fetched'),
    "too much of it": ({"notice__mjml": FRAME.replace("{{ reason }}", "{{ reason }}" + "<p>ha</p>" * 7000)}, "notice.mjml: a mail may have"),
}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
def test_what_no_mail_could_say_is_refused_with_file_and_line(tmp_path: Path, broken: str) -> None:
    files, fault = BROKEN[broken]
    folder_with(tmp_path, **files)
    if broken == "not UTF-8":
        (tmp_path / "pl.toml").write_bytes(b'greeting = "Cze\xb6\xe6"\n')
    with pytest.raises(BrokenWords) as refused:
        wording_of(tmp_path)
    assert f"{tmp_path}/{fault}" in str(refused.value)


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    folder_with(
        tmp_path, en__toml='greeting = "{a}"\nquestions = "{b}"\n', pl__toml='greeting = "{c}"\nquestions = "?"\n'
    )
    with pytest.raises(BrokenWords) as refused:
        wording_of(tmp_path)
    assert len(str(refused.value).splitlines()) == 3


def test_a_service_does_not_start_with_them(tmp_path: Path) -> None:
    broken = folder_with(tmp_path, en__toml='greeting = "Hello {name}"\n')
    with pytest.raises(ValidationError, match=r"en\.toml:1: greeting"):
        NotificationsSettings(database_url=SecretStr("postgresql+asyncpg://nobody@127.0.0.1:9/n"), words=broken)
    with pytest.raises(ValidationError, match="is no folder"):
        NotificationsSettings(
            database_url=SecretStr("postgresql+asyncpg://nobody@127.0.0.1:9/n"), words=tmp_path / "away"
        )


def test_an_entry_is_found_where_it_begins_however_toml_writes_it() -> None:
    text = 'a.b = 1\n# c\n[d]\n"e f" = """\n[d]\ng = 2\n"""\ng = [\n  1,\n]\n[[h]]\ni = 1\n'
    assert [line_of(text, place) for place in (("a", "b"), ("d", "e f"), ("d", "g"), ("d", "g", "1"), ("h",))] == [
        1, 4, 8, 8, 11
    ]  # fmt: skip


# --- how it is said is not whether it is told -------------------------------------------------


async def test_other_words_tell_nobody_anew_and_try_again_what_was_given_up(office: Office, tmp_path: Path) -> None:
    await office.is_true(place(Standing.ENROLLED))
    async with office.server.listening(), office.sending():
        assert await settled(office, 1) == [("confirmation", "sent", None)]
    own = folder_with(tmp_path, pl__toml=HERE[0], en__toml=HERE[1], notice__txt=f"*** Gmina ***\n{TEXT}")
    otherwise = NotificationsSettings(**(office.settings.model_dump() | {"words": own}))
    assert otherwise.rules.release != office.settings.rules.release
    office.settings = otherwise
    async with office.server.listening(), office.sending():
        await office.has_looked()
        assert await office.outcomes() == [("confirmation", "sent", None)]
        books = await office.books()
        assert books["told_is_true"] and books["notices"]["untold"] == 0


async def test_what_a_server_did_not_like_is_tried_again_with_other_words(office: Office, tmp_path: Path) -> None:
    office.server.answers = ["554 5.7.1 looks like spam"]
    await office.is_true(place(Standing.ENROLLED))
    async with office.server.listening(), office.sending():
        assert [state for _, state, _ in await settled(office, 1)] == ["failed"]
        await office.has_looked()
    own = folder_with(tmp_path, pl__toml=HERE[0], en__toml=HERE[1])
    office.settings = NotificationsSettings(**(office.settings.model_dump() | {"words": own}))
    async with office.server.listening(), office.sending():
        assert [state for _, state, _ in await settled(office, 2)] == ["failed", "sent"]
