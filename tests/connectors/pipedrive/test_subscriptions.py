"""Webhooks that look after themselves: an installation, its timer, and the sandbox's list of webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from automations.assembly import Assembly
from automations.engine.definition import parse_definition
from automations.errors import InputError
from automations.sandbox import PipedriveSandbox, SandboxServer
from automations.settings import Settings
from automations.web.app import create_app
from tests.engine.conftest import HandClock


@pytest.fixture
def pd() -> PipedriveSandbox:
    pd = PipedriveSandbox()
    pd.retry_delays_s = ()
    return pd


@pytest.fixture
def house(tmp_path: Path, pd: PipedriveSandbox) -> Iterator[Assembly]:
    """An installation connected to the running sandbox, its clock in the test's hand."""
    settings = Settings(instance=tmp_path, allowed_networks="127.0.0.0/8", public_url="http://127.0.0.1:8000")
    with pd.serve() as server:
        made = Assembly.make(settings, clock=HandClock())
        made.connections.save("pipedrive", "acme", {"base_url": server.url, "api_token": "sandbox-token"})
        yield made
        made.close()


def recipe(name: str, trigger: str = "deal_created", connection: str = "acme") -> Any:
    return parse_definition(
        {
            "name": name,
            "trigger": {"key": f"pipedrive.{trigger}", "connection": connection},
            "steps": [{"name": "stop", "action": "engine.stop", "fields": {"reason": "seen"}}],
        }
    )


def apply(house: Assembly, *definitions: Any) -> None:
    house.recipes.apply([("", definition) for definition in definitions])


def let_the_timer_come(house: Assembly) -> None:
    house.clock.advance(minutes=16)  # type: ignore[attr-defined]
    assert "webhooks" in house.chores.run_due()


def objects(pd: PipedriveSandbox) -> list[str]:
    return sorted(hook["event_object"] for hook in pd.webhooks)


def test_two_recipes_on_one_entity_use_one_webhook(house: Assembly, pd: PipedriveSandbox) -> None:
    apply(house, recipe("one"), recipe("two", "deal_stage_changed"), recipe("three", "person_updated"))
    let_the_timer_come(house)
    assert objects(pd) == ["deal", "person"]
    let_the_timer_come(house)
    assert objects(pd) == ["deal", "person"]
    assert len([request for request in pd.requests if request.method == "POST"]) == 2


def test_a_webhook_that_was_deleted_there_is_back_within_the_timer(
    house: Assembly, pd: PipedriveSandbox
) -> None:
    apply(house, recipe("one"))
    house.subscriptions.sync("acme")
    pd.hooks.remove(pd.webhooks[0]["id"])
    let_the_timer_come(house)
    assert objects(pd) == ["deal"]


def test_a_webhook_that_does_not_work_any_more_is_replaced(house: Assembly, pd: PipedriveSandbox) -> None:
    apply(house, recipe("one"))
    house.subscriptions.sync("acme")
    (broken,) = pd.webhooks
    pd.hooks.by_id[broken["id"]].is_active = False
    let_the_timer_come(house)
    (mended,) = pd.webhooks
    assert mended["id"] != broken["id"]
    assert mended["is_active"] == 1


def test_one_that_is_there_already_is_adopted(house: Assembly, pd: PipedriveSandbox) -> None:
    apply(house, recipe("one"))
    opened = house.connections.open(1)
    address = house.subscriptions.address(house.connections.get("acme"))
    client = house.connections.client(1)
    made = opened.kind.add_hook(client, "deal", address, (opened.hook_user, opened.hook_password))
    (report,) = house.subscriptions.sync("acme")
    assert (report.adopted, report.added) == (("deal",), ())
    assert [str(hook["id"]) for hook in pd.webhooks] == [made]


def test_nothing_of_ours_is_left_after_the_last_recipe_is_off(house: Assembly, pd: PipedriveSandbox) -> None:
    client = house.connections.client(1)
    house.connections.open(1).kind.add_hook(client, "deal", "https://elsewhere.example/x", ("u", "p"))
    apply(house, recipe("one"), recipe("two"))
    let_the_timer_come(house)
    assert len(pd.webhooks) == 2
    house.recipes.switch("one", enabled=False)
    let_the_timer_come(house)
    assert len(pd.webhooks) == 2
    house.recipes.switch("two", enabled=False)
    let_the_timer_come(house)
    assert [hook["subscription_url"] for hook in pd.webhooks] == ["https://elsewhere.example/x"]
    assert house.subscriptions.all() == []


def test_a_recipe_that_moves_to_another_account_leaves_nothing_behind(
    house: Assembly, pd: PipedriveSandbox
) -> None:
    other = PipedriveSandbox()
    with other.serve() as server:
        house.connections.save("pipedrive", "other", {"base_url": server.url, "api_token": "sandbox-token"})
        apply(house, recipe("one"))
        let_the_timer_come(house)
        assert objects(pd) == ["deal"]
        apply(house, recipe("one", connection="other"))
        let_the_timer_come(house)
        assert (objects(pd), objects(other)) == ([], ["deal"])


def test_no_budget_is_spent_where_no_recipe_waits(house: Assembly, pd: PipedriveSandbox) -> None:
    let_the_timer_come(house)
    assert pd.requests == []


def test_near_the_limit_it_warns(house: Assembly, pd: PipedriveSandbox) -> None:
    client = house.connections.client(1)
    for number in range(35):
        house.connections.open(1).kind.add_hook(client, "deal", f"https://e.example/{number}", ("u", "p"))
    apply(house, recipe("one"))
    (report,) = house.subscriptions.sync("acme")
    assert "36 webhooks" in report.warning
    assert "40" in report.warning


def test_without_the_right_it_says_what_to_enter_by_hand(house: Assembly, pd: PipedriveSandbox) -> None:
    apply(house, recipe("one"), recipe("two", "person_updated"))
    pd.answer_always(403, path="/api/v1/webhooks", body='{"success": false, "message": "Forbidden"}')
    (report,) = house.subscriptions.sync("acme")
    assert report.problem
    assert report.by_hand == ("deal", "person")
    assert house.registry.kinds["pipedrive"].hook_by_hand("deal") == {
        "Event action": "*",
        "Event object": "deal",
        "Version": "2.0",
    }


# -- another password


class Inbound:
    """The installation's inbound address, as the sandbox calls it."""

    def __init__(self, house: Assembly) -> None:
        self._server = SandboxServer(create_app(house).wsgi_app)
        house.subscriptions._public_url = self._server.url
        self._house = house

    def __enter__(self) -> Inbound:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.close()

    def post(self, password: str) -> int:
        address = self._house.subscriptions.address(self._house.connections.get("acme"))
        with requests.Session() as session:
            answer = session.post(address, data=b"not json", auth=("automations", password), timeout=10)
        return answer.status_code


def test_rotation_makes_webhooks_anew_and_misses_nothing(house: Assembly, pd: PipedriveSandbox) -> None:
    with Inbound(house) as inbound:
        apply(house, recipe("one"), recipe("two", "person_updated"))
        house.subscriptions.sync("acme")
        before, old = {hook["id"] for hook in pd.webhooks}, house.connections.open(1).hook_password
        report = house.subscriptions.rotate("acme")
        assert report.added == ("deal", "person")
        new = house.connections.open_anew(1).hook_password
        assert new != old
        assert objects(pd) == ["deal", "person"]
        assert {hook["id"] for hook in pd.webhooks}.isdisjoint(before)
        assert all(hook.http_auth_password == new for hook in pd.hooks.by_id.values())
        assert [inbound.post(new), inbound.post(old), inbound.post("wrong")] == [400, 400, 401]
        house.clock.advance(minutes=11)  # type: ignore[attr-defined]
        assert [inbound.post(new), inbound.post(old)] == [400, 401]
        pd.create("deal", {"title": "After it"})
        assert pd.wait_until_quiet()
        assert [delivery.status_code for delivery in pd.deliveries] == [200]


def test_a_rotation_that_broke_off_goes_on_where_it_was(house: Assembly, pd: PipedriveSandbox) -> None:
    with Inbound(house) as inbound:
        apply(house, recipe("one"))
        house.subscriptions.sync("acme")
        old = house.connections.open(1).hook_password
        pd.answer_next(500, path="/api/v1/webhooks", method="POST")
        assert house.subscriptions.rotate("acme").problem
        house.clock.advance(hours=5)  # type: ignore[attr-defined]
        assert inbound.post(old) == 400
        half = house.connections.open_anew(1).hook_password
        assert house.subscriptions.rotate("acme").added == ("deal",)
        assert house.connections.open_anew(1).hook_password == half
        assert inbound.post(half) == 400


def test_only_what_is_looked_after_from_here_is_rotated(house: Assembly) -> None:
    house.connections.save("webhook", "door", {})
    with pytest.raises(InputError, match="looked after"):
        house.subscriptions.rotate("door")


# -- triggers on anything


def test_a_recipe_on_anything_has_one_webhook_for_everything(house: Assembly, pd: PipedriveSandbox) -> None:
    apply(house, recipe("one"), recipe("two", "any"))
    let_the_timer_come(house)
    assert objects(pd) == ["*"]
    house.recipes.switch("two", enabled=False)
    let_the_timer_come(house)
    assert objects(pd) == ["deal"]


def test_a_narrowed_recipe_needs_the_webhook_of_its_kind_only(house: Assembly, pd: PipedriveSandbox) -> None:
    narrowed = recipe("one", "field_changed").as_tree()
    narrowed["trigger"]["fields"] = {"entity": "person", "field": "name"}
    apply(house, parse_definition({"name": "one", **narrowed}))
    let_the_timer_come(house)
    assert objects(pd) == ["person"]


def test_an_event_of_any_kind_starts_a_recipe_on_anything(house: Assembly, pd: PipedriveSandbox) -> None:
    with Inbound(house):
        apply(house, recipe("one", "any"))
        house.subscriptions.sync("acme")
        pd.create("person", {"name": "Ines Okafor"})
        assert pd.wait_until_quiet()
        runner = house.runner("test/1/a")
        runner.work_until_idle()
        runner.abandon()
        (line,) = house.history.runs(limit=10)
        assert (str(line.run.status), line.run.record_key[:7]) == ("succeeded", "person:")
