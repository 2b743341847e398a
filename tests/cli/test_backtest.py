"""`automations recipe backtest`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli
from tests.cli.recipe_texts import GREETING


@pytest.fixture
def shop(cli: Cli) -> Cli:
    cli.ok("connection", "add", "webhook", "shop")
    cli.ok("recipe", "apply", cli.file("greeting.yaml", GREETING))
    cli.post("shop", {"id": 1, "name": "Ana", "age": 40})
    cli.post("shop", {"id": 2, "name": "Ben"})
    cli.post("shop", {"id": 3, "nick": "cy"})
    return cli


def counts(cli: Cli, text: str, *words: object) -> dict[str, int]:
    document = cli.json("recipe", "backtest", cli.file("draft.yaml", text), *words)
    kinds = ("events", "same", "changed", "newly_sent", "no_longer_sent", "now_fails")
    assert list(document) == [*kinds, "examples"]
    return {kind: document[kind] for kind in kinds if document[kind]}


def test_unchanged_recipe_does_the_same(shop: Cli) -> None:
    assert counts(shop, GREETING) == {"events": 3, "same": 3}


def test_another_text_is_a_change_where_it_is_sent(shop: Cli) -> None:
    assert counts(shop, GREETING.replace("Hello", "Good day")) == {"events": 3, "same": 1, "changed": 2}


def test_another_condition_sends_others(shop: Cli) -> None:
    text = GREETING.replace('{{ record.name }}", op', '{{ record.nick }}", op')
    text = text.replace("Hello {{ record.name }}", "Hello")
    assert counts(shop, text) == {"events": 3, "newly_sent": 1, "no_longer_sent": 2}


def test_template_that_now_fails_is_found_with_its_reason(shop: Cli) -> None:
    text = GREETING.replace("{hello: ", '{upper: "{{ record.age | as_number }}", hello: ').replace(
        "{{ record.age | as_number }}", "{{ record.name | as_number }}"
    )
    assert counts(shop, text) == {"events": 3, "same": 1, "now_fails": 2}
    lines = shop.ok("recipe", "backtest", shop.folder / "draft.yaml").stdout
    assert "2 now fails" in lines
    assert "Ana" in lines


def test_only_the_newest_events_are_looked_at(shop: Cli) -> None:
    assert counts(shop, GREETING, "--last", 2) == {"events": 2, "same": 2}


def test_draft_is_compared_by_its_name(shop: Cli) -> None:
    shop.ok("recipe", "apply", shop.file("draft.yaml", GREETING.replace("Hello", "Hi")), "--draft")
    assert shop.json("recipe", "backtest", "Greeting")["changed"] == 2
    assert len(shop.json("run", "list")) == 3


def test_recipe_that_was_never_published_has_nothing_to_compare_with(shop: Cli) -> None:
    shop.ok(
        "recipe", "apply", shop.file("new.yaml", GREETING.replace("name: Greeting", "name: New")), "--draft"
    )
    result = shop("recipe", "backtest", "New")
    assert result.exit_code == 1
    assert "never published" in result.stderr
