"""`automations run …`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli
from tests.cli.recipe_texts import GREETING

RUN_KEYS = [
    *("id", "recipe", "version", "event_id", "record", "status", "reason"),
    *("started_at", "finished_at", "steps"),
]
STEP_KEYS = {"name", "action", "status", "reason", "attempts"}
DEMANDING = GREETING.replace("name: Greeting", "name: Demanding").replace(
    "Hello {{ record.name }}", "{{ record.age | as_number }}"
)


@pytest.fixture
def shop(cli: Cli) -> Cli:
    cli.ok("connection", "add", "webhook", "shop")
    cli.ok("recipe", "apply", cli.file("greeting.yaml", GREETING), cli.file("demanding.yaml", DEMANDING))
    return cli


def test_list_has_the_promised_shape_newest_first(shop: Cli) -> None:
    first, second = (shop.post("shop", {"id": number, "name": "Ana", "age": 40}) for number in (1, 2))
    runs = shop.json("run", "list")
    assert [run["event_id"] for run in runs] == [second, second, first, first]
    assert all(list(run) == RUN_KEYS for run in runs)
    assert all(set(step) == STEP_KEYS for run in runs for step in run["steps"])
    assert [step["status"] for step in runs[0]["steps"]] == ["succeeded"]


def test_list_is_narrowed_by_recipe_status_record_and_number(shop: Cli) -> None:
    shop.post("shop", {"id": 1, "name": "Ana", "age": 40})
    shop.post("shop", {"id": 2, "name": "Ben", "age": "many"})
    shop.post("shop", {"id": 3})
    assert {run["record"] for run in shop.json("run", "list", "--recipe", "Demanding")} == {
        "hook:1",
        "hook:2",
        "hook:3",
    }
    assert [run["record"] for run in shop.json("run", "list", "--status", "parked")] == ["hook:2"]
    assert {run["status"] for run in shop.json("run", "list", "--record", "hook:3")} == {"filtered"}
    assert len(shop.json("run", "list", "--limit", "1")) == 1
    table = shop.ok("run", "list", "--status", "parked").stdout
    assert "Demanding" in table
    assert "parked" in table


def test_an_empty_list_says_whether_nothing_ran_or_nothing_is_like_that(shop: Cli) -> None:
    assert "Nothing has run yet." in shop.ok("run", "list").stderr
    shop.post("shop", {"id": 1, "name": "Ana", "age": 40})
    said = shop.ok("run", "list", "--status", "parked").stderr
    assert "No run is like that. `automations run list` shows all of them." in said


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("list", "--status", "lost"), 2, "lost"),
        (("list", "--record", "5120"), 2, "Write it as deal:5120"),
        (("list", "--limit", "0"), 2, "--limit"),
        (("list", "--recipe", "Nothing"), 1, "no recipe named 'Nothing'"),
        (("show", "99"), 1, "no run 99"),
        (("show", "x"), 2, "x"),
        (("retry", "99"), 1, "no run 99"),
        (("cancel", "99"), 1, "no run 99"),
    ],
)
def test_what_is_not_there_is_named(shop: Cli, words: tuple[str, ...], status: int, said: str) -> None:
    result = shop("run", *words)
    assert (result.exit_code, result.stdout) == (status, "")
    assert said in result.stderr


def test_one_run_is_shown_with_its_attempts(shop: Cli) -> None:
    shop.post("shop", {"id": 1, "name": "Ana", "age": 40})
    (run,) = shop.json("run", "list", "--recipe", "Greeting")
    detail = shop.json("run", "show", run["id"])
    assert {key: detail[key] for key in RUN_KEYS if key != "steps"} == {
        key: run[key] for key in RUN_KEYS if key != "steps"
    }
    (step,) = detail["steps"]
    assert step["outputs"] == {"hello": "Hello Ana"}
    assert [attempt["outcome"] for attempt in step["tries"]] == ["succeeded"]
    text = shop.ok("run", "show", run["id"]).stdout
    assert "words, attempt 1" in text


def test_parked_run_goes_on_when_it_is_asked_to(shop: Cli) -> None:
    shop.post("shop", {"id": 2, "name": "Ben", "age": "many"})
    (run,) = shop.json("run", "list", "--status", "parked")
    assert "goes on" in shop.ok("run", "retry", run["id"]).stdout
    assert shop.json("run", "show", run["id"])["status"] == "queued"
    result = shop("run", "retry", run["id"])
    assert result.exit_code == 1
    assert "is queued" in result.stderr


def test_cancelled_run_keeps_the_reason(shop: Cli) -> None:
    shop.post("shop", {"id": 2, "name": "Ben", "age": "many"})
    (run,) = shop.json("run", "list", "--status", "parked")
    shop.ok("run", "cancel", run["id"], "--why", "entered by mistake")
    detail = shop.json("run", "show", run["id"])
    assert (detail["status"], detail["reason"]) == ("cancelled", "entered by mistake")
