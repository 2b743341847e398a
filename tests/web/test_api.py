"""The API: runs and events as JSON, to programs with a token and to nobody else."""

from __future__ import annotations

import orjson
import pytest

from automations.errors import RejectedError
from automations.model.states import Role
from automations.web.app import create_app
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival
from tests.web.builder_pages import Browser


def asked(house: ToyHouse, path: str, token: str = "", status: int = 200) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = create_app(house.assembly).test_client().get(path, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/json"
    found: dict[str, object] = orjson.loads(answer.data)
    return found


@pytest.fixture
def token(toys: ToyHouse) -> str:
    return toys.assembly.tokens.add("reporting", Role.VIEWER)


def test_runs_come_newest_first_a_page_at_a_time(toys: ToyHouse, token: str) -> None:
    toys.recipe()
    toys.target.errors_for["2/0"] = [RejectedError("no")]
    toys.send(*(arrival(i) for i in range(1, 6)))
    toys.work()
    first = asked(toys, "/api/v1/runs?limit=3", token)
    assert [run["id"] for run in first["runs"]] == [5, 4, 3]  # type: ignore[attr-defined]
    rest = asked(toys, f"/api/v1/runs?limit=3&before={first['next_before']}", token)
    assert [run["id"] for run in rest["runs"]] == [2, 1]  # type: ignore[attr-defined]
    assert rest["next_before"] is None
    parked = asked(toys, "/api/v1/runs?status=parked&record=thing:2", token)
    assert [run["record"] for run in parked["runs"]] == ["thing:2"]  # type: ignore[attr-defined]


def test_one_run_has_its_requests_and_one_event_its_answers(toys: ToyHouse, token: str) -> None:
    toys.recipe("on")
    toys.recipe("off", enabled=False)
    toys.thing(1)
    toys.work()
    run = asked(toys, "/api/v1/runs/1", token)
    assert run["steps"][0]["tries"][0]["outcome"] == "succeeded"  # type: ignore[index]
    event = asked(toys, f"/api/v1/events/{run['event_id']}", token)
    answers = {one["recipe"]: one["answer"] for one in event["recipes"]}  # type: ignore[attr-defined]
    assert answers == {"on": "ran", "off": "off"}


@pytest.mark.parametrize("wrong", ["", "aut_nonsense", "ü"])
def test_without_a_right_token_nothing_is_told(toys: ToyHouse, wrong: str) -> None:
    assert asked(toys, "/api/v1/runs", wrong, status=401)["error"] == "unauthorized"


def test_removed_token_is_worthless(toys: ToyHouse, token: str) -> None:
    asked(toys, "/api/v1/runs", token)
    toys.assembly.tokens.remove("reporting")
    asked(toys, "/api/v1/runs", token, status=401)


def test_token_opens_no_page(toys: ToyHouse, token: str) -> None:
    client = create_app(toys.assembly).test_client()
    assert client.get("/runs", headers={"Authorization": f"Bearer {token}"}).status_code == 302


def test_signed_in_person_may_look(toys: ToyHouse) -> None:
    assert '"runs"' in Browser.signed_in(toys.assembly, Role.VIEWER).get("/api/v1/runs")


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("limit=0", "limit"),
        ("limit=9999999", "limit"),
        ("before=x", "before"),
        ("since=yesterday", "since"),
        ("status=lost", "status"),
    ],
)
def test_wrong_words_are_told(toys: ToyHouse, token: str, query: str, word: str) -> None:
    assert word in str(asked(toys, f"/api/v1/runs?{query}", token, status=400)["message"])


def test_unknown_run_is_told_in_json(toys: ToyHouse, token: str) -> None:
    assert "99" in str(asked(toys, "/api/v1/runs/99", token, status=404)["message"])


def test_text_of_a_token_is_not_kept(toys: ToyHouse, token: str) -> None:
    (row,) = toys.assembly.tokens.all()
    assert token not in (row.name, row.digest)
    assert row.role == Role.VIEWER
