"""What the pages and the metrics say of the processes of an installation."""

from __future__ import annotations

from automations.engine.presence import DEAD_S, Me, Presence
from automations.model.states import ProcessRole, Role
from automations.web.app import create_app
from tests.engine.conftest import ToyHouse
from tests.web.builder_pages import Browser


def enter(house: ToyHouse, role: ProcessRole, place: str) -> Presence:
    presence = Presence(house.assembly.database, house.clock, Me(role, place))
    presence.enter()
    return presence


def test_home_says_that_nobody_works_while_events_wait(toys: ToyHouse) -> None:
    toys.recipe()
    assert "no worker runs" not in Browser.signed_in(toys.assembly).get("/")
    toys.thing(1)
    assert "1 event waits and no worker runs" in Browser.signed_in(toys.assembly).get("/")
    enter(toys, ProcessRole.WEB, "a/web/1")
    assert "no worker runs" in Browser.signed_in(toys.assembly).get("/")
    enter(toys, ProcessRole.WORKER, "a/1/")
    assert "no worker runs" not in Browser.signed_in(toys.assembly).get("/")
    toys.clock.advance(seconds=DEAD_S + 1)
    assert "no worker runs" in Browser.signed_in(toys.assembly).get("/")


def test_settings_show_an_admin_who_lives_and_nobody_else(toys: ToyHouse) -> None:
    worker = enter(toys, ProcessRole.WORKER, "a/1/")
    page = Browser.signed_in(toys.assembly).get("/settings")
    assert "worker: decides, runs, delivers" in page
    assert "Processes" not in Browser.signed_in(toys.assembly, Role.EDITOR).get("/settings")
    worker.leave()
    assert "decides, runs, delivers" not in Browser.signed_in(toys.assembly).get("/settings")


def test_metrics_count_live_processes_by_what_they_do(toys: ToyHouse) -> None:
    for place in ("a/1/", "a/2/"):
        enter(toys, ProcessRole.WORKER, place)
    client = create_app(toys.assembly).test_client()
    lines = client.get("/metrics").text.splitlines()
    assert 'automations_processes{role="worker"} 2' in lines
    assert 'automations_processes{role="web"} 0' in lines
