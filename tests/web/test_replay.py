"""Replays on the pages: the choices and what they would do, then one new run, or a job for many."""

from __future__ import annotations

import html
import re

import pytest

from automations.errors import RejectedError
from automations.model.states import Role
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival
from tests.web.builder_pages import Browser


@pytest.fixture
def page(toys: ToyHouse) -> Browser:
    toys.recipe(steps=[toys.step("first", name="one"), toys.step("{{ thing.name }}", name="two")])
    return Browser.signed_in(toys.assembly)


def park(toys: ToyHouse, count: int = 1) -> None:
    toys.target.errors_for["Ball"] = [RejectedError("no balls")] * count
    toys.send(*(arrival(number, name="Ball") for number in range(1, count + 1)))
    toys.work()


def test_a_run_that_ended_offers_its_replay_and_shows_what_it_would_do(toys: ToyHouse, page: Browser) -> None:
    park(toys)
    assert 'href="/runs/1/replay"' in page.get("/runs/1")
    text = page.get("/runs/1/replay")
    assert "done already in run 1, passed by" in text
    assert "worked out anew" in text
    answer = page.post("/runs/1/replay", {"from": "start", "version": "original", "do": "replay"})
    assert answer.headers["Location"] == "/runs/2"
    toys.work()
    assert toys.target.texts() == ["first", "Ball"]
    new, old = page.get("/runs/2"), page.get("/runs/1")
    assert '<a href="/runs/1">run 1</a>' in new
    assert "An earlier run sent it" in new
    assert '<a href="/runs/2">run 2</a>' in old
    assert "replayed as run 2" in old


def test_looking_again_changes_nothing(toys: ToyHouse, page: Browser) -> None:
    park(toys)
    page.get("/runs/1/replay")
    answer = page.post("/runs/1/replay", {"from": "failed", "repeat_closed": "1", "do": "look"}, htmx=True)
    assert "keeps its result of run 1" in answer.text
    assert "checked" in answer.text
    assert toys.statuses() == ["parked"]


def test_what_arrived_can_be_edited(toys: ToyHouse, page: Browser) -> None:
    park(toys)
    text = html.unescape(page.get("/runs/1/replay"))
    assert '"name": "Ball"' in text
    content = '{"id": 1, "n": 0, "name": "Kite"}'
    seen = page.post("/runs/1/replay", {"payload": content, "do": "look"}).text
    assert "and the edited content" in seen
    assert page.post("/runs/1/replay", {"payload": content, "do": "replay"}).status_code == 302
    toys.work()
    assert toys.target.texts() == ["first", "Kite"]
    assert toys.assembly.history.run(2).event.origin == "replay"


def test_content_that_was_not_changed_stays_the_same_event(toys: ToyHouse, page: Browser) -> None:
    park(toys)
    page.get("/runs/1/replay")
    same = '{"name":\r\n "Ball", "n": 0, "id": 1}'
    assert page.post("/runs/1/replay", {"payload": same, "do": "replay"}).status_code == 302
    assert toys.assembly.history.run(2).run.event_id == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "no JSON any more"),
        ('{"id": 1, "poison": true}', "cannot be read"),
        ("[1, NaN]", "no JSON any more"),
    ],
)
def test_content_that_cannot_be_used_is_kept_with_its_mistake(
    toys: ToyHouse, page: Browser, content: str, said: str
) -> None:
    park(toys)
    page.get("/runs/1/replay")
    answer = page.post("/runs/1/replay", {"payload": content, "do": "replay"})
    assert answer.status_code in (409, 422)
    assert said in answer.text
    assert content in html.unescape(answer.text)
    assert toys.statuses() == ["parked"]


def test_content_that_holds_a_secret_is_not_shown_for_editing(toys: ToyHouse, page: Browser) -> None:
    toys.thing(1, name="Ball", note="s3cret-token")
    toys.work()
    text = page.get("/runs/1/replay")
    assert "It holds a secret" in text
    assert "s3cret-token" not in text
    assert page.post("/runs/1/replay", {"payload": '{"id": 1}', "do": "replay"}).status_code == 302
    assert toys.assembly.history.run(2).run.event_id == 1


def test_a_run_under_way_is_not_replayed_and_the_page_says_why(toys: ToyHouse, page: Browser) -> None:
    toys.thing(1)
    toys.runner.turn()
    page.get("/runs")
    assert "/replay" not in page.get("/runs/1")
    answer = page.post("/runs/1/replay", {"do": "replay"})
    assert answer.status_code == 409
    assert "goes on by itself" in answer.text


def test_all_that_the_list_shows_can_be_replayed(toys: ToyHouse, page: Browser) -> None:
    park(toys, 30)
    assert "Replay these" not in page.get("/runs")
    assert 'href="/runs/replay?status=parked"' in page.get("/runs?status=parked")
    text = page.get("/runs/replay?status=parked")
    assert "30 of 30 runs" in text
    assert "30 deliveries, not sent again" in text
    assert text.count('<td class="why">Steps: 1 go through, 1 done already</td>') == 10
    answer = page.post("/runs/replay", {"status": "parked", "rate": "6000", "do": "start"})
    assert answer.headers["Location"] == "/jobs/1"
    job = toys.assembly.jobs.get(1)
    assert (job.kind, job.rate_per_minute, job.created_by) == ("replay", 6000, "admin@example.com")
    while toys.assembly.jobs.get(1).state in ("queued", "running"):
        toys.assembly.jobs.work_due("test/1/jobs")
        toys.work()
        toys.clock.advance(seconds=5)
    assert toys.assembly.jobs.get(1).made == 30
    assert toys.target.texts().count("Ball") == 30
    assert toys.target.texts().count("first") == 30


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "Say which runs"),
        ({"status": "parked", "rate": "0"}, "whole number"),
        ({"status": "parked", "rate": "ten"}, "whole number"),
        ({"status": "lost"}, "no run status"),
        ({"recipe": "gone"}, "no recipe named"),
    ],
)
def test_a_filter_that_cannot_be_is_told(
    toys: ToyHouse, page: Browser, form: dict[str, str], said: str
) -> None:
    park(toys)
    page.get("/runs")
    answer = page.post("/runs/replay", {**form, "do": "start"})
    assert answer.status_code == 422
    assert said in html.unescape(answer.text)
    assert toys.assembly.jobs.list() == []


def test_a_viewer_replays_nothing(toys: ToyHouse, page: Browser) -> None:
    park(toys)
    viewer = Browser.signed_in(toys.assembly, Role.VIEWER)
    assert "Replay" not in viewer.get("/runs/1")
    assert "Replay these" not in viewer.get("/runs?status=parked")
    for path in ("/runs/1/replay", "/runs/replay"):
        viewer.get(path, status=403)
        assert viewer.post(path, {"do": "replay"}).status_code == 403


@pytest.mark.timeout(180)
def test_ten_thousand_are_replayed_from_the_page_with_progress(toys: ToyHouse) -> None:
    toys.recipe(
        steps=[
            toys.step(f"{word} {{{{ thing.id }}}}", name=word, action="toy.post") for word in ("one", "two")
        ]
    )
    page, count = Browser.signed_in(toys.assembly), 10_000
    for start in range(1, count + 1, 2_000):
        for number in range(start, start + 2_000):
            toys.target.errors_for[f"two {number}"] = [RejectedError("no")]
        toys.send(*(arrival(number) for number in range(start, start + 2_000)))
        toys.runner.work_until_idle(timeout_s=60)
    text = page.get("/runs/replay?status=parked")
    assert "10,000 of 10,000 runs" in text
    assert "10,000 deliveries, not sent again" in text
    assert page.post("/runs/replay", {"status": "parked", "do": "start"}).headers["Location"] == "/jobs/1"
    seen: list[str] = []
    while toys.assembly.jobs.get(1).state in ("queued", "running"):
        for _ in range(5):
            toys.assembly.jobs.work_due("test/1/jobs")
            toys.runner.turn()
            toys.clock.advance(seconds=2)
        seen += re.findall(r'<progress max="100" value="(\d+)"', page.get("/jobs/1"))
    toys.runner.work_until_idle(timeout_s=60)
    assert len(set(seen)) > 5
    assert [int(value) for value in seen] == sorted(int(value) for value in seen)
    assert toys.assembly.jobs.get(1).made == count
    assert len(toys.target.done) == len(set(toys.target.texts())) == 2 * count
    assert toys.assembly.history.parked() == 0
