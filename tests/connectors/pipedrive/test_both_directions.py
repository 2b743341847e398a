"""Both directions: recipes write into the account whose webhooks start them, over real HTTP, and nothing circles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automations.assembly import Assembly
from automations.engine.definition import parse_definition
from automations.sandbox import PipedriveSandbox
from automations.settings import Settings
from tests.connectors.pipedrive.test_subscriptions import Inbound

ROUNDS = 30


class Account:
    """An installation, the sandbox account it is connected to, and webhooks that really go round."""

    def __init__(self, house: Assembly, pd: PipedriveSandbox) -> None:
        self.house, self.pd = house, pd
        self.runner = house.runner("test/1/a")

    def recipe(self, name: str, trigger: str, action: str, fields: dict[str, Any], **more: Any) -> None:
        step = {"name": "write", "action": f"pipedrive.{action}", "connection": "acme", "fields": fields}
        key = {"key": f"pipedrive.{trigger}", "connection": "acme", **more}
        self.house.recipes.apply([("", parse_definition({"name": name, "trigger": key, "steps": [step]}))])
        self.house.subscriptions.sync("acme")

    def settle(self) -> None:
        """Work, let the account send what follows, and work again, until nothing comes any more."""
        seen = -1
        for _ in range(ROUNDS):
            self.runner.work_until_idle()
            assert self.pd.wait_until_quiet()
            found = len(self.pd.deliveries) + len(self.house.history.runs(limit=1_000))
            if found == seen:
                return
            seen = found
        raise AssertionError("it goes round and round")

    def ran(self, recipe: str) -> list[str]:
        lines = self.house.history.runs(recipe=recipe, limit=1_000)
        return [str(line.run.status) for line in reversed(lines)]

    def why_not(self, recipe: str) -> list[str]:
        """Return what became of every event for a recipe, in words."""
        events = self.house.history.events(limit=1_000)
        lines = [self.house.history.why(event.id or 0) for event, _ in reversed(events)]
        return [line.reason for some in lines for line in some if line.recipe == recipe and line.reason]


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    pd = PipedriveSandbox()
    pd.retry_delays_s = ()
    settings = Settings(instance=tmp_path, allowed_networks="127.0.0.0/8")
    with pd.serve() as server:
        house = Assembly.make(settings)
        house.connections.save("pipedrive", "acme", {"base_url": server.url, "api_token": "sandbox-token"})
        house.connections.test("acme")
        with Inbound(house):
            made = Account(house, pd)
            yield made
            made.runner.abandon()
            house.close()


LOUDER = {"match_field": "id", "match_value": "{{ deal.id }}", "title": "{{ deal.title }}!"}


def test_a_recipe_that_writes_what_starts_it_runs_once(account: Account) -> None:
    account.recipe("louder", "deal_updated", "upsert_deal", LOUDER)
    deal = account.pd.create("deal", {"title": "Chairs"})["id"]
    account.pd.update("deal", deal, {"title": "Tables"})
    account.settle()
    assert account.pd.records("deal")[deal]["title"] == "Tables!"
    assert account.ran("louder") == ["succeeded"]
    assert account.why_not("louder")[-1] == "this is our own change, written by run 1 of “louder”"


def test_a_circle_that_was_asked_for_is_cut(account: Account) -> None:
    account.recipe("louder", "deal_updated", "upsert_deal", LOUDER, own_changes="allow")
    deal = account.pd.create("deal", {"title": "Chairs"})["id"]
    account.pd.update("deal", deal, {"title": "Tables"})
    account.settle()
    assert account.pd.records("deal")[deal]["title"] == "Tables!!!!!!"
    assert account.ran("louder") == ["succeeded"] * 6 + ["filtered"]
    assert account.why_not("louder")[-1].startswith("stopped a circle: louder → louder")


def test_a_person_who_edits_at_the_same_time_is_not_lost(account: Account) -> None:
    account.recipe("louder", "deal_updated", "upsert_deal", LOUDER)
    deal = account.pd.create("deal", {"title": "Chairs"})["id"]
    account.pd.update("deal", deal, {"title": "Tables"})
    account.settle()
    account.pd.update("deal", deal, {"value": 900})
    account.settle()
    assert account.pd.records("deal")[deal]["title"] == "Tables!!"
    assert account.ran("louder") == ["succeeded"] * 2


def test_another_program_with_our_token_that_writes_other_values_is_not_ours(account: Account) -> None:
    account.recipe("louder", "deal_updated", "upsert_deal", LOUDER)
    deal = account.pd.create("deal", {"title": "Chairs"})["id"]
    account.pd.update("deal", deal, {"title": "Tables"})
    account.settle()
    account.pd.update("deal", deal, {"title": "Lamps"}, change_source="api")
    account.settle()
    assert account.pd.records("deal")[deal]["title"] == "Lamps!"


def test_what_one_recipe_makes_starts_no_other_unless_it_is_let_in(account: Account) -> None:
    person = {"match_field": "name", "match_value": "{{ deal.title }}", "name": "{{ deal.title }}"}
    note = {"content": "Hello", "person_match_field": "id", "person_match_value": "{{ person.id }}"}
    account.recipe("maker", "deal_created", "upsert_person", person)
    account.recipe("quiet", "person_created", "upsert_note", note)
    account.recipe("eager", "person_created", "upsert_note", note, own_changes="allow")
    account.pd.create("deal", {"title": "Ana"})
    account.settle()
    assert account.ran("maker") == ["succeeded"]
    assert account.ran("quiet") == []
    assert account.ran("eager") == ["succeeded"]
    assert "this is our own change, written by run 1 of “maker”" in account.why_not("quiet")
    account.pd.create("person", {"name": "Somebody"})
    account.settle()
    assert account.ran("quiet") == ["succeeded"]
