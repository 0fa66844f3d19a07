"""The languages of the pages: messages from .po files, numbers and dates as each language writes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path

from babel.dates import format_date, format_datetime, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from babel.support import Translations

SOURCE = "en"
"""The language the messages are written in; it needs no .po file."""
NAMES: Mapping[str, str] = {"en": "English", "ru": "Русский"}
LOCALES = Path(__file__).with_name("locales")


@dataclass(frozen=True)
class Language:
    """One language: how it says a message, a number, a date."""

    code: str
    messages: NullTranslations

    def gettext(self, message: str) -> str:
        """Return the message in this language, or as it is when it has no translation."""
        # gettext keeps the head of its file under the empty message.
        return self.messages.gettext(message) if message else ""

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """Return the form of the message that goes with the number n."""
        return self.messages.ngettext(singular, plural, n)

    def number(self, value: float, digits: int = 0) -> str:
        """Return the number with this many digits after the point at most."""
        return format_decimal(round(value, digits), "#,##0." + "#" * digits, locale=self.code)

    def percent(self, share: float) -> str:
        """Return a share in [0, 1] as a whole percentage."""
        return format_percent(share, locale=self.code)

    def day(self, value: date) -> str:
        """Return the day with its year."""
        return format_date(value, "d MMMM y", locale=self.code)

    def short_day(self, value: date) -> str:
        """Return the day without its year, for axes."""
        return format_date(value, "d MMM", locale=self.code)

    def month(self, value: date) -> str:
        """Return the name of the day's month alone."""
        return format_date(value, "LLLL", locale=self.code)

    def moment(self, value: datetime) -> str:
        """Return the day and the time to the minute, in whatever clock the value is on."""
        return format_datetime(value, "d MMM y, HH:mm", locale=self.code)

    def time(self, value: datetime) -> str:
        """Return the time to the second."""
        return format_time(value, "HH:mm:ss", locale=self.code)


def open_languages() -> dict[str, Language]:
    """Read the .po files of all languages, by code."""
    return {code: Language(code, _messages(code)) for code in NAMES}


def _messages(code: str) -> NullTranslations:
    if code == SOURCE:
        return NullTranslations()
    compiled = BytesIO()
    with (LOCALES / f"{code}.po").open("rb") as source:
        write_mo(compiled, read_po(source, locale=code, abort_invalid=True))
    compiled.seek(0)
    return Translations(compiled)
