"""`automations replay`: shown first, asked, done; one and many."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli
from tests.cli.recipe_texts import GREETING

DEMANDING = GREETING.replace("name: Greeting", "name: Demanding").replace(
    "Hello {{ record.name }}", "{{ record.age | as_number }}"
)
MENDED = DEMANDING.replace("| as_number", "| default(0)")


@pytest.fixture
def shop(cli: Cli) -> Cli:
    cli.ok("connection", "add", "webhook", "shop")
    cli.ok("recipe", "apply", cli.file("demanding.yaml", DEMANDING))
    return cli


def parked(shop: Cli, count: int) -> None:
    for number in range(1, count + 1):
        shop.post("shop", {"id": number, "name": "Ana", "age": "many"})


def work(shop: Cli) -> None:
    with shop.house() as assembly:
        assembly.runner("test/1/b").work_until_idle()


def test_one_run_is_shown_asked_about_and_replayed(shop: Cli) -> None:
    parked(shop, 1)
    shop.ok("recipe", "apply", shop.file("mended.yaml", MENDED))
    refused = shop("replay", "--run", 1, "--version", "latest", input="n\n")
    assert refused.exit_code == 1
    assert "words" in refused.stdout
    assert "Replay run 1 from the start, with the version published now?" in refused.stderr
    assert len(shop.json("run", "list")) == 1
    told = shop.ok("replay", "--run", 1, "--version", "latest", input="y\n")
    assert "Run 2 replays run 1." in told.stdout
    work(shop)
    new, old = shop.json("run", "list")
    assert (new["id"], new["status"], new["version"]) == (2, "succeeded", 2)
    assert (old["status"], old["reason"].split(";")[0]) == ("cancelled", "replayed as run 2")


def test_an_edited_payload_comes_from_a_file(shop: Cli) -> None:
    parked(shop, 1)
    content = shop.file("edited.json", '{"id": 1, "name": "Ana", "age": "41"}')
    document = shop.json("replay", "--run", 1, "--payload", content, "--yes")
    assert document["new_run"] == 2
    work(shop)
    shown = shop.json("run", "show", 2)
    assert shown["replay_of"] == 1
    (step,) = shown["steps"]
    assert step["outputs"] == {"hello": 41}


def test_a_step_that_touches_nothing_outside_is_simply_done_again(shop: Cli) -> None:
    shop.post("shop", {"id": 1, "name": "Ana", "age": 40})
    shop.json("replay", "--run", 1, "--yes")
    work(shop)
    (step,) = shop.json("run", "show", 2)["steps"]
    assert (step["status"], step["reason"]) == ("succeeded", "Set hello")


def test_a_dry_run_shows_and_does_nothing(shop: Cli) -> None:
    parked(shop, 3)
    one = shop.json("replay", "--run", 1, "--from", "failed", "--dry-run")
    assert (one["run"], one["new_run"]) == (1, None)
    assert [step["would"] for step in one["preview"]["steps"]] == ["runs"]
    many = shop.json("replay", "--status", "parked", "--dry-run")
    assert many["job"] is None
    assert {name: many["preview"][name] for name in ("total", "to_replay", "left_out")} == {
        "total": 3,
        "to_replay": 3,
        "left_out": {},
    }
    assert len(many["preview"]["sample"]) == 3
    assert len(shop.json("run", "list")) == 3


def test_many_are_replayed_by_filter(shop: Cli) -> None:
    parked(shop, 4)
    shop.post("shop", {"id": 9, "name": "Ben", "age": 9})
    shop.ok("recipe", "apply", shop.file("mended.yaml", MENDED))
    words = ("replay", "--recipe", "Demanding", "--status", "parked", "--since", "1h", "--version", "latest")
    told = shop.ok(*words, "--rate", 6000, input="y\n")
    assert "4 of 4 runs would be replayed." in told.stdout
    assert "Job 1 is done: 4 replayed, 0 left out." in told.stdout
    work(shop)
    assert [run["status"] for run in shop.json("run", "list", "--limit", 4)] == ["succeeded"] * 4
    again = shop.ok(*words, "--yes")
    assert "0 of 0 runs would be replayed." in again.stdout


def test_many_can_be_left_to_the_workers(shop: Cli) -> None:
    parked(shop, 2)
    document = shop.json("replay", "--status", "parked", "--yes", "--detach")
    assert (document["job"]["state"], document["job"]["made"]) == ("queued", 0)


def test_some_runs_by_their_numbers_are_a_job(shop: Cli) -> None:
    parked(shop, 3)
    document = shop.json("replay", "--run", 1, "--run", 3, "--yes")
    assert (document["job"]["state"], document["job"]["made"]) == ("done", 2)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ((), 2, "Say which runs"),
        (("--run", "1", "--status", "parked", "--payload", "x.json"), 2, "one event"),
        (("--run", "1", "--json"), 2, "--dry-run"),
        (("--since", "yesterday"), 2, "3d"),
        (("--rate", "0", "--run", "1"), 2, "--rate"),
        (("--run", "77", "--yes"), 1, "no run 77"),
        (("--recipe", "Nothing", "--yes"), 1, "no recipe named 'Nothing'"),
        (("--run", "1", "--from", "failed", "--yes"), 1, "every step ended well"),
    ],
)
def test_what_cannot_be_is_named(shop: Cli, words: tuple[str, ...], status: int, said: str) -> None:
    shop.post("shop", {"id": 1, "name": "Ana", "age": 40})
    shop.file("x.json", "{}")
    result = shop("replay", *words)
    assert result.exit_code == status
    assert said in result.stderr


@pytest.mark.parametrize(
    "extra",
    ['"name": "Eve"', f'"deep": {"[" * 70}{"]" * 70}', f'"many": [{",".join(["1"] * 10_001)}]', '"x": NaN'],
    ids=["a key twice", "too deep", "too many", "no number"],
)
def test_an_edited_payload_that_intake_would_refuse_replays_nothing(shop: Cli, extra: str) -> None:
    shop.post("shop", {"id": 1, "name": "Ana"})
    content = shop.file("content.json", f'{{"id": 1, "name": "Ana", {extra}}}')
    refused = shop("replay", "--run", 1, "--payload", content, "--yes")
    assert refused.exit_code == 1
    assert "cannot be read" in refused.stderr
    assert len(shop.json("run", "list")) == 1
