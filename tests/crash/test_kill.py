"""Killed with -9 at any moment, every webhook that got a 200 is delivered after restart, in order."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from automations.assembly import Assembly
from automations.engine.definition import parse_definition
from automations.sandbox import ClevertapSandbox
from automations.settings import Settings
from tests.crash.app import App
from tests.crash.trial import Plan, Trial
from tests.crash.webhooks import Hook, Sender

DEALS, CHANGES = 125, 8
KILLS_AT = (150, 450, 750)


@pytest.fixture
def clevertap() -> Iterator[tuple[ClevertapSandbox, str]]:
    sandbox = ClevertapSandbox(account_id="ACC", passcode="passcode-1")
    with sandbox.serve(port=0) as server:
        yield sandbox, server.url


def furnish(instance: Path, clevertap_url: str, port: int, database_url: str = "") -> Hook:
    """Connect a Pipedrive that only sends and the sandbox CleverTap; one recipe: stage change → event."""
    assembly = Assembly.make(
        Settings(instance=instance, database_url=database_url, allowed_networks="127.0.0.0/8")
    )
    try:
        source = assembly.connections.save(
            "pipedrive", "pd", {"base_url": "http://127.0.0.1:9", "api_token": "token-that-is-not-used"}
        )
        assembly.connections.save(
            "clevertap", "ct", {"base_url": clevertap_url, "account_id": "ACC", "passcode": "passcode-1"}
        )
        fields = {
            "identity": "person-{{ deal.person_id }}",
            "event_name": "Deal stage changed",
            "properties": {"Deal": "{{ deal.id }}", "Number": "{{ deal.value }}"},
        }
        step = {"name": "event", "action": "clevertap.upload_event", "connection": "ct", "fields": fields}
        trigger = {"key": "pipedrive.deal_stage_changed", "connection": "pd"}
        definition = parse_definition({"name": "stages", "trigger": trigger, "steps": [step]})
        assembly.recipes.apply([("", definition)])
        opened = assembly.connections.open(source.id or 0)
        return Hook(port, opened.hook_token, opened.hook_user, opened.hook_password)
    finally:
        assembly.close()


def wait_for(condition, timeout_s: float) -> None:  # type: ignore[no-untyped-def]
    deadline_s = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.05)


def delivered(sandbox: ClevertapSandbox) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for event in list(sandbox.events):
        found[event["evtData"]["Deal"]].append(event["evtData"]["Number"])
    return found


@pytest.mark.crash
@pytest.mark.timeout(240)
def test_nothing_is_lost_and_order_is_kept_over_three_kills(
    tmp_path: Path, clevertap: tuple[ClevertapSandbox, str]
) -> None:
    sandbox, url = clevertap
    instance = tmp_path / "instance"
    instance.mkdir()
    app = App(instance)
    hook = furnish(instance, url, app.port)
    webhooks = [(deal, number) for number in range(CHANGES) for deal in range(1, DEALS + 1)]
    with app:
        sender = Sender(hook, connections=8)
        sending = sender.send(webhooks)
        for at in KILLS_AT:
            wait_for(lambda at=at: sender.count >= at, 60)
            app.kill()
            app.start()
        sending.join(timeout=120)
        assert sender.count == len(webhooks), sender.refused[:3]
        wait_for(lambda: sum(len(set(n)) for n in delivered(sandbox).values()) >= len(webhooks), 90)
        assert app.stop() == 0
    arrived = delivered(sandbox)
    lost = {deal: set(range(CHANGES)) - set(arrived[deal]) for deal in range(1, DEALS + 1)}
    assert not any(lost.values()), app.log.read_text()[-3000:]
    for deal, numbers in arrived.items():
        firsts = list(dict.fromkeys(numbers))
        assert firsts == list(range(CHANGES)), f"deal {deal} arrived as {numbers}"
    # Only what was in flight at a kill may arrive twice: CleverTap has no key to know it by.
    doubled = sum(len(numbers) - len(set(numbers)) for numbers in arrived.values())
    assert doubled <= 3 * 2 * 125, doubled


@pytest.mark.crash
@pytest.mark.timeout(600)
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_ten_random_kills_break_no_promise(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else ""
    plan = Plan(database, webhooks=640, kills=10, seed=7, within_s=500)
    found = Trial(plan, tmp_path, url).run()
    assert found.is_kept, {promise: what[:5] for promise, what in found.breaches.items() if what}
    assert sum(found.kills.values()) == 10
    assert found.accepted == 640


@pytest.mark.crash
@pytest.mark.timeout(180)
def test_a_web_process_that_dies_twice_at_once_is_started_again(tmp_path: Path) -> None:
    with App(tmp_path) as app:
        for _ in range(3):
            wait_for(lambda: app.processes("web"), 30)
            app.processes("web")[0].kill()
            wait_for(lambda: not app.processes("web"), 5)
        wait_for(app.answers, 60)
        assert app.answers()
        assert app.stop() == 0


@pytest.mark.crash
@pytest.mark.timeout(180)
@pytest.mark.parametrize("after_s", [0.0, 1.0])
def test_a_parent_killed_while_its_children_start_leaves_nobody_behind(
    tmp_path: Path, after_s: float
) -> None:
    with App(tmp_path) as app:
        app.kill()
        assert app.spawn()
        wait_for(lambda: app.processes("web"), 30)
        time.sleep(after_s)
        orphans = app.processes("web") + app.processes("worker")
        app.kill_one("parent", random.Random(1))
        wait_for(lambda: not any(orphan.is_running() for orphan in orphans), 40)
        assert [orphan.pid for orphan in orphans if orphan.is_running()] == []


@pytest.mark.crash
@pytest.mark.timeout(600)
def test_four_workers_and_a_target_that_fails_keep_the_order(tmp_path: Path) -> None:
    plan = Plan(
        "sqlite",
        webhooks=5_000,
        changes=10,
        kills=0,
        workers=4,
        failing=0.01,
        recipes=("calls",),
        within_s=500,
    )
    found = Trial(plan, tmp_path).run()
    assert found.is_kept, {promise: what[:5] for promise, what in found.breaches.items() if what}
    assert found.failures > 20
