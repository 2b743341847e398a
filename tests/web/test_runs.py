"""The list of runs, one run with its evidence, and what a person does with one that stopped."""

from __future__ import annotations

import re

import pytest

from automations.engine import history
from automations.errors import CredentialsError, OutcomeUnknownError, RejectedError, UnavailableError
from automations.model.states import Role
from automations.web.presenting import STATES
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival
from tests.web.builder_pages import Browser


@pytest.fixture
def page(toys: ToyHouse) -> Browser:
    toys.recipe("note")
    return Browser.signed_in(toys.assembly)


def rows(text: str) -> list[str]:
    return re.findall(r'id="run-(\d+)"', text)


def test_empty_list_offers_the_next_step(page: Browser) -> None:
    assert "No runs yet" in page.get("/runs")
    assert "No run fits" in page.get("/runs?search=nothing")


def test_runs_are_listed_newest_first_with_their_reason(toys: ToyHouse, page: Browser) -> None:
    toys.target.errors_for["2/0"] = [RejectedError("there is no such list")]
    toys.send(arrival(1), arrival(2))
    toys.work()
    text = page.get("/runs")
    assert rows(text) == ["2", "1"]
    assert "there is no such list" in text
    assert "state-parked" in text
    assert '<b class="wants"><span>1</span>' in text


def test_filters_narrow_the_list(toys: ToyHouse, page: Browser) -> None:
    toys.recipe("other", trigger={"fields": {"color": "red"}})
    toys.send(arrival(1, name="Ball", color="red"), arrival(2, name="Kite"))
    toys.work()
    assert len(rows(page.get("/runs"))) == 4
    assert len(rows(page.get("/runs?recipe=note"))) == 2
    assert len(rows(page.get("/runs?status=filtered"))) == 1
    assert len(rows(page.get("/runs?search=kite"))) == 2
    assert len(rows(page.get("/runs?search=thing:1&recipe=other"))) == 1
    assert len(rows(page.get("/runs?since=day"))) == 4
    toys.clock.advance(days=2)
    assert "No run fits" in page.get("/runs?since=day")


@pytest.mark.parametrize(
    "query", ["status=nonsense", "recipe=gone", "before=x", "search=%00", "search=%25%5F%5C"]
)
def test_nonsense_in_the_address_is_answered_calmly(page: Browser, query: str) -> None:
    page.get(f"/runs?{query}")


def test_pages_follow_each_other_without_gap_or_repeat(toys: ToyHouse, page: Browser) -> None:
    toys.send(*(arrival(i) for i in range(1, 121)))
    toys.work()
    seen: list[str] = []
    address = "/runs?status=succeeded"
    while address:
        text = page.get(address)
        seen += rows(text)
        found = re.search(r'href="([^"]+)">Older', text)
        address = found[1].replace("&amp;", "&") if found else ""
    assert seen == [str(n) for n in range(120, 0, -1)]


def test_words_are_looked_for_step_by_step_in_a_long_history(
    toys: ToyHouse, page: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LOOKED_AT_ONCE", 4)
    toys.send(*(arrival(i, name="Kite" if i in (1, 8, 9) else "Ball") for i in range(1, 11)))
    toys.work()
    text = page.get("/runs?search=kite")
    assert rows(text) == ["9", "8"]
    assert "down to run 7" in text
    text = page.get("/runs?search=kite&before=7")
    assert rows(text) == []
    assert "None were found down to run 3" in text
    assert "/runs?search=kite&amp;before=3" in text
    text = page.get("/runs?search=kite&before=3")
    assert rows(text) == ["1"]
    assert "were not looked at" not in text
    assert rows(page.get("/runs?search=1")) == ["1"]


def test_list_renews_itself_only_while_it_changes(toys: ToyHouse, page: Browser) -> None:
    text = page.get("/runs")
    seen = re.search(r'"seen": "(\w+)"', text)
    assert seen is not None
    asking = {"HX-Request": "true", "HX-Target": "runs"}
    assert page.client.get(f"/runs?seen={seen[1]}", headers=asking).status_code == 204
    toys.thing(1)
    toys.work()
    answer = page.client.get(f"/runs?seen={seen[1]}", headers=asking)
    assert answer.status_code == 200
    assert rows(answer.text) == ["1"]
    assert "<html" not in answer.text


def test_renewing_can_be_switched_off(page: Browser) -> None:
    assert "every 3s" in page.get("/runs")
    text = page.get("/runs?live=off")
    assert "every 3s" not in text
    assert 'aria-checked="false"' in text


def test_older_pages_hold_still(toys: ToyHouse, page: Browser) -> None:
    toys.send(*(arrival(i) for i in range(1, 4)))
    toys.work()
    assert "every 3s" not in page.get("/runs?before=3")


def test_one_run_tells_its_story(toys: ToyHouse, page: Browser) -> None:
    toys.thing(7, name="Ball")
    toys.work()
    text = page.get("/runs/1")
    assert "Ball (7)" in text
    assert "Every step ended well" in text
    assert "What it had" in text
    assert "What it sent" in text
    assert "What came back" in text
    assert "7/0" in text
    assert "/recipes/1?sample=event:1" in text
    assert "/events/1" in text
    assert "Try now" not in text


def test_steps_that_were_not_reached_are_shown(toys: ToyHouse, page: Browser) -> None:
    toys.recipe("two", steps=[toys.step(), {**toys.step(), "name": "second"}])
    toys.target.errors_for["1/0"] = [RejectedError("no")] * 2
    toys.thing(1)
    toys.work()
    assert "Not reached." in page.get("/runs/2")


def test_parked_run_says_why_and_what_to_do(toys: ToyHouse, page: Browser) -> None:
    toys.target.next_errors.append(OutcomeUnknownError("no answer came"))
    toys.thing(1)
    toys.work()
    text = page.get("/runs/1")
    assert "needs a person" in text or "goes on by itself" in text
    assert "no answer came" in text


def test_try_now_lets_it_go_on(toys: ToyHouse, page: Browser) -> None:
    toys.target.errors_for["1/0"] = [RejectedError("no")]
    toys.thing(1)
    toys.work()
    assert "Try now" in page.get("/runs/1")
    assert "It goes on now" in page.get(page.post("/runs/1/try-now").headers["Location"])
    toys.work()
    text = page.get("/runs/1")
    assert "Every step ended well" in text
    assert "Attempt 2" in text
    assert "Attempt 1" in text


def test_mark_as_done_needs_a_reason(toys: ToyHouse, page: Browser) -> None:
    toys.target.errors_for["1/0"] = [RejectedError("no")]
    toys.thing(1)
    toys.work()
    assert page.post("/runs/1/mark-done", {"why": "  "}).status_code == 422
    page.post("/runs/1/mark-done", {"why": "I saw <it> there"})
    toys.work()
    text = page.get("/runs/1")
    assert "I saw &lt;it&gt; there (admin@example.com)" in text
    assert toys.target.texts() == []


def test_cancel_ends_it(toys: ToyHouse, page: Browser) -> None:
    toys.target.errors_for["1/0"] = [UnavailableError("down")]
    toys.thing(1)
    toys.work()
    page.post("/runs/1/cancel", {"why": "not wanted"})
    assert "A person ended it: not wanted (admin@example.com)" in page.get("/runs/1")


def test_button_pressed_too_late_is_answered_in_words(toys: ToyHouse, page: Browser) -> None:
    toys.thing(1)
    toys.work()
    answer = page.post("/runs/1/try-now")
    assert answer.status_code == 400
    assert "Run 1 is succeeded" in answer.text


def test_viewer_sees_no_buttons(toys: ToyHouse) -> None:
    toys.recipe()
    toys.target.errors_for["1/0"] = [RejectedError("no")]
    toys.thing(1)
    toys.work()
    text = Browser.signed_in(toys.assembly, Role.VIEWER).get("/runs/1")
    assert "Try now" not in text
    assert "Mark as done" not in text


def test_run_that_waits_for_its_connection_leads_there(toys: ToyHouse, page: Browser) -> None:
    toys.target.next_errors.append(CredentialsError("the token was refused"))
    toys.thing(1)
    toys.work()
    text = page.get("/runs/1")
    assert "It waits until toys works again" in text
    assert "Mend toys" in text
    assert "the token was refused" in page.get("/")


def test_unknown_run_is_a_page_in_words(page: Browser) -> None:
    text = page.get("/runs/4711", 404)
    assert "There is no run 4711" in text


def test_every_state_has_a_shape_and_a_sentence() -> None:
    for status, (mark, sentence) in STATES.items():
        assert mark, status
        assert sentence, status
