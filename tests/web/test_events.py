"""What arrived: the list, one event, its payload without secrets."""

from __future__ import annotations

import json

import pytest

from automations.assembly import Assembly
from automations.engine.contracts import Arrival
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival
from tests.web.builder_pages import Browser


def accept(assembly: Assembly, payload: bytes, key: str = "one") -> None:
    row = assembly.connections.get("acme")
    assembly.intake.accept(row.id or 0, [Arrival("deal.change", "deal:5120", key, payload)])


def test_empty_list_says_what_would_be_here(browser: Browser) -> None:
    assert "Nothing has arrived yet" in browser.get("/events")


def test_every_recipe_has_its_answer(toys: ToyHouse) -> None:
    toys.recipe("all")
    toys.recipe("reds", trigger={"fields": {"color": "red"}})
    toys.thing(1, color="blue")
    toys.work()
    text = Browser.signed_in(toys.assembly).get("/events/1")
    assert "color is blue, wanted red" in text
    assert "/runs/1" in text
    assert "/recipes/2?sample=event:1" in text


def test_known_secrets_are_not_shown(browser: Browser) -> None:
    secret = "t" * 40
    accept(browser.assembly, json.dumps({"echo": secret, "password": "hunter22", "name": "Ines"}).encode())
    for text in (browser.get("/events/1"), browser.get("/events/1/payload")):
        assert secret not in text
        assert "hunter22" not in text
        assert "Ines" in text


def test_payload_comes_as_a_file_of_plain_text(browser: Browser) -> None:
    accept(browser.assembly, b'{"html": "<script>alert(1)</script>"}')
    answer = browser.client.get("/events/1/payload")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"] == "attachment; filename=event-1.txt"


@pytest.mark.parametrize(
    "payload", [b"\xff\xfe\x00", b"not json", b"", b"[" * 5000, b'{"n": ' + b"9" * 5000 + b"}"]
)
def test_any_payload_can_be_looked_at(browser: Browser, payload: bytes) -> None:
    accept(browser.assembly, payload)
    browser.get("/events/1")
    browser.get("/events/1/payload")


def test_long_payload_is_cut_and_can_be_opened(browser: Browser) -> None:
    accept(browser.assembly, json.dumps({"note": "long " * 5000}).encode())
    assert "Show all 25,0" in browser.get("/events/1")


def test_exact_numbers_stay_exact(browser: Browser) -> None:
    accept(browser.assembly, b'{"n": 123456789012345678901234567890}')
    assert "123456789012345678901234567890" in browser.get("/events/1")


def test_list_is_narrowed_and_paged(toys: ToyHouse) -> None:
    toys.send(*(arrival(i) for i in range(1, 61)))
    browser = Browser.signed_in(toys.assembly)
    assert browser.get("/events").count('class="what"><a') == 50
    assert browser.get("/events?before=11").count('class="what"><a') == 10
    assert browser.get("/events?record=thing:7").count('class="what"><a') == 1
    assert "No event fits" in browser.get("/events?connection=99")


def test_unknown_event_is_a_page_in_words(browser: Browser) -> None:
    assert "There is no event 4711" in browser.get("/events/4711", 404)
