"""Nothing is left in English for those who read Russian."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import haulout.web
from haulout.localisation import LOCALES, open_languages
from haulout.web.wording import WORDS

Message = str | tuple[str, ...]
WEB = Path(haulout.web.__file__).parent
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
METHODS = [("**.html", "jinja2.ext:babel_extract"), ("**.py", "python")]
OPTIONS = {"**.html": {"silent": "false", "trim_blocks": "true", "lstrip_blocks": "true"}}


def messages() -> Iterator[Message]:
    for found in extract_from_dir(WEB, METHODS, OPTIONS, keywords=KEYWORDS):
        yield found[2]


@pytest.fixture(scope="module")
def russian() -> Catalog:
    with (LOCALES / "ru.po").open("rb") as source:
        return read_po(source, locale="ru")


def test_every_message_of_every_page_is_translated(russian: Catalog) -> None:
    used = set(messages())
    assert len(used) > 150
    assert [message for message in used if not complete(russian, message)] == []


def complete(catalog: Catalog, message: Message) -> bool:
    known = catalog.get(message if isinstance(message, str) else message[0])
    forms = () if known is None else (known.string if isinstance(known.string, tuple) else (known.string,))
    wanted = 1 if isinstance(message, str) else catalog.num_plurals
    return len(forms) == wanted and all(forms)


def test_no_translation_is_left_of_a_message_that_is_gone(russian: Catalog) -> None:
    assert {entry.id for entry in russian if entry.id} - set(messages()) == set()


def test_translations_fill_in_what_the_messages_fill_in(russian: Catalog) -> None:
    assert [(entry.id, errors) for entry, errors in russian.check()] == []


def test_every_word_of_the_database_has_a_translation() -> None:
    gettext = open_languages()["ru"].gettext
    assert [word for word in WORDS.values() if gettext(word) == word] == []


def test_numbers_and_days_are_written_as_the_language_does() -> None:
    english, russian = open_languages()["en"], open_languages()["ru"]
    assert (english.number(1234.56, 1), russian.number(1234.56, 1)) == ("1,234.6", "1\xa0234,6")
    assert (english.day(date(2026, 8, 1)), russian.day(date(2026, 8, 1))) == ("1 August 2026", "1 августа 2026")


def test_nothing_translated_is_nothing_and_not_the_head_of_the_file() -> None:
    assert [language.gettext("") for language in open_languages().values()] == ["", ""]
