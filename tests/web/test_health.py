"""What orchestrators and Prometheus read."""

from __future__ import annotations

import re

import pytest

from automations.assembly import Assembly
from automations.errors import RejectedError, StorageUnavailableError
from automations.web.app import create_app
from tests.engine.conftest import ToyHouse
from tests.web.builder_pages import Browser


def test_alive_and_ready_answer_under_any_name(assembly: Assembly) -> None:
    client = create_app(assembly).test_client()
    for path, status in (("/healthz", "alive"), ("/readyz", "ready")):
        answer = client.get(path, headers={"Host": "10.0.0.7:8000"})
        assert (answer.status_code, answer.json) == (200, {"status": status})
        assert "Set-Cookie" not in answer.headers
    assert client.head("/healthz").data == b""
    assert client.post("/healthz").status_code == 405


def test_not_ready_without_its_database(assembly: Assembly, monkeypatch: pytest.MonkeyPatch) -> None:
    client = create_app(assembly).test_client()

    def away() -> None:
        raise StorageUnavailableError

    monkeypatch.setattr(assembly.database, "read_plain", away)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"status": "the database cannot be reached"}
    assert client.get("/healthz").status_code == 200


def test_not_ready_with_tables_of_another_version(assembly: Assembly) -> None:
    client = create_app(assembly).test_client()
    with assembly.database.connect_for_write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'older'")
    assert client.get("/readyz").json == {"status": "the tables are of another version"}


def test_metrics_count_what_there_is(toys: ToyHouse) -> None:
    toys.recipe()
    toys.target.errors_for["1/0"] = [RejectedError("no")]
    toys.thing(1)
    toys.work()
    toys.thing(2)
    toys.clock.advance(seconds=90)
    text = create_app(toys.assembly).test_client().get("/metrics").text
    for line in (
        "automations_events_accepted_total 2",
        "automations_events_undecided 1",
        "automations_queue_age_seconds 90",
        'automations_runs_open{status="parked"} 1',
        'automations_connections{state="ok"} 1',
    ):
        assert line in text.splitlines()
    for line in text.splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) \w+ .+|\w+(\{\w+=\"\w+\"\})? [\d.e+]+", line), line


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("192.0.2.7", {}),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.7"}),
        ("", {}),
    ],
)
def test_metrics_are_hidden_from_other_machines(
    assembly: Assembly, address: str, headers: dict[str, str]
) -> None:
    client = create_app(assembly).test_client()
    answer = client.get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": address})
    assert answer.status_code == 404


def test_metrics_are_open_to_people_who_are_signed_in(browser: Browser) -> None:
    answer = browser.client.get("/metrics", environ_overrides={"REMOTE_ADDR": "192.0.2.7"})
    assert answer.status_code == 200
