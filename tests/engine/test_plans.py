"""How PostgreSQL goes about what every event costs: by key, never through a whole table, whatever it believes of it.

What it knows about a table is a minute old, and of those of a new installation it knows nothing while they grow. So a
statement must leave it no choice.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from automations.errors import UnavailableError
from automations.model.statements import PlainConnection, Rows
from tests.engine.conftest import ToyHouse
from tests.engine.toy import arrival

pytestmark = pytest.mark.postgres

MANY = 300
_GROWING = {"event", "run", "delivery", "attempt"}
#: They hold nothing but what is looked for, so reading them from their beginning is right.
_SMALL_INDEXES = {"ix_event_undecided", "ix_run_lease"}
#: They are only asked whether they hold anything.
_PROBED_INDEXES = {"ix_made_event_record", "made_event_pkey"}
#: One of their keys may be that of nearly all rows.
_CROWDED_INDEXES = {"ix_run_status", "ix_run_recipe", "ix_run_recipe_status", "ix_delivery_open"}
_LOOKS_UP = ("SELECT", "WITH", "UPDATE", "INSERT", "DELETE")


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
def test_what_events_cost_is_looked_up_by_key(house: ToyHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    house.recipe(steps=[{**house.step(), "action": "toy.post"}])
    with house.assembly.database.connect_for_write() as connection:
        for name in sorted(_GROWING):
            # Whoever came by to count a few hundred rows would make reading all of them right.
            connection.exec_driver_sql(f"ALTER TABLE {name} SET (autovacuum_enabled=off)")
    send_and_work(house, 0)
    plans = watched(monkeypatch)
    send_and_work(house, 1)
    # What is to be tried again is written by statements of its own.
    house.target.next_errors.extend([UnavailableError("503")] * 3)
    send_and_work(house, 2)
    house.clock.advance(hours=1)
    house.work()
    assert house.statuses().count("succeeded") == 3 * MANY
    assert {"event", "run", "delivery", "attempt"} <= {name for _, plan in plans for name in tables(plan)}
    assert not [found for sql, plan in plans for found in read_through(sql, plan)]


def send_and_work(house: ToyHouse, turn: int) -> None:
    """Let each record come twice, so that lanes let runs go."""
    house.send(*(arrival(n % (MANY // 2), 2 * turn + n // (MANY // 2)) for n in range(MANY)))
    house.work()


def watched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Collect how each plain statement is gone about from now on."""
    plans: list[tuple[str, dict[str, Any]]] = []
    real = PlainConnection.exec_driver_sql

    def explained(self: PlainConnection, statement: str, parameters: Any = None) -> Rows:
        if statement.split(maxsplit=1)[0] in _LOOKS_UP:
            numbers = itertools.count(1)
            kept_as = re.sub("%[bs]", lambda _: f"${next(numbers)}", statement)
            ((for_these,),) = real(self, f"EXPLAIN (FORMAT JSON) {statement}", parameters).all()
            # Past the driver, which would look for values for the marks.
            answer = self._cursor.connection.pgconn.exec_(
                f"EXPLAIN (FORMAT JSON, GENERIC_PLAN) {kept_as}".encode()
            )
            for_any = json.loads(answer.get_value(0, 0) or answer.error_message)
            words = " ".join(statement.split())[:100]
            plans.extend((words, found[0]["Plan"]) for found in (for_these, for_any))
        return real(self, statement, parameters)

    monkeypatch.setattr(PlainConnection, "exec_driver_sql", explained)
    return plans


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def tables(plan: dict[str, Any]) -> set[str]:
    return {node["Relation Name"] for node in nodes(plan) if "Relation Name" in node}


def read_through(sql: str, plan: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Tell of each part that reads a growing table, or all of one side of a join for each row of the other."""
    for node in nodes(plan):
        kind, name = node["Node Type"], node.get("Relation Name") or node.get("Index Name", "")
        if kind == "Seq Scan" and name in _GROWING:
            yield sql, kind, name
        elif kind in {"Index Scan", "Index Only Scan", "Bitmap Index Scan"}:
            index, by_key = node["Index Name"], " = " in node.get("Index Cond", "")
            is_small = index in _SMALL_INDEXES | _PROBED_INDEXES or not _GROWING & set(index.split("_"))
            if index in _CROWDED_INDEXES or not (by_key or is_small):
                yield sql, kind, index
        elif "Join Filter" in node:
            yield sql, kind, node["Join Filter"]


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
def test_no_more_is_claimed_than_was_asked_for_by_a_plan_for_an_empty_table(house: ToyHouse) -> None:
    house.recipe()
    house.thing()
    house.work()
    ledger, database = house.runner.ledger, house.assembly.database
    assert house.connection.id is not None
    with database.connect_for_write() as connection:
        connection.exec_driver_sql("ANALYZE run")
    # So often that the plan is kept.
    for _ in range(14):
        assert not ledger.claim(house.connection.id, 5)
    with database.connect_for_write() as connection:
        connection.exec_driver_sql(_MANY_DUE, (house.connection.id, MANY))
    assert len(ledger.claim(house.connection.id, 5)) == 5


_MANY_DUE = """
INSERT INTO run SELECT (jsonb_populate_record(run, jsonb_build_object(
  'id', run.id + number, 'replay_number', number, 'status', 'queued', 'claimable_at', 1, 'connection_id', %s::int))).*
FROM run, generate_series(1, %s) AS number
"""
