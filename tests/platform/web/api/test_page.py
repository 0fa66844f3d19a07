"""The page /api tells people what the description tells programs, in their language."""

import re
import shlex

import pytest
from babel.messages.pofile import read_po

from haulout.localisation import LOCALES
from haulout.testing import enters
from haulout.web.api.addresses import ENDPOINTS
from haulout.web.api.routes import description


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_page_tells_every_address_with_its_parameters_and_scope(interface, language) -> None:
    page = enters(interface.test_client()).get("/api", query_string={"language": language}).text

    articles = re.findall(r'<article class="address".*?</article>', page, re.S)
    assert len(articles) == len(ENDPOINTS) == len(description()["paths"])
    for article, (path, operations) in zip(articles, description()["paths"].items(), strict=True):
        assert f"GET {path}</code>" in article
        assert f'<span class="tag">{operations["get"]["security"][0]["token"][0]}</span>' in article
        named = re.findall(r"<dt><code>(.*?)</code>", article)
        assert named == [parameter["name"] for parameter in operations["get"]["parameters"]]


def test_nothing_of_the_description_is_left_in_english_on_the_russian_page(interface) -> None:
    page = enters(interface.test_client()).get("/api?language=ru").text
    with (LOCALES / "ru.po").open("rb") as source:
        russian = read_po(source, locale="ru")

    for operations in description()["paths"].values():
        texts = [operations["get"]["summary"], *(one["description"] for one in operations["get"]["parameters"])]
        for text in texts:
            assert text not in page and russian.get(text) is not None, text


def test_every_command_of_the_page_asks_what_can_be_asked(interface, ask, told) -> None:
    page = enters(interface.test_client()).get("/api").text.replace("&#34;", '"').replace("&amp;", "&")
    commands = re.findall(r"<code>(curl .*?)</code>", page)

    assert len(commands) == len(ENDPOINTS) + 1
    for command in commands:
        curl, _, header, address = shlex.split(command)
        assert (curl, header) == ("curl", "Authorization: Bearer $TOKEN")
        path = address.removeprefix(f"{told.services.settings.pages}/api/v1/").format(**told.names)
        answer = ask(path, ["read", "people"])
        assert answer.status_code == 200, (command, answer.text)


def test_the_page_is_found_from_every_page(interface) -> None:
    assert 'href="/api"' in enters(interface.test_client()).get("/batches").text
