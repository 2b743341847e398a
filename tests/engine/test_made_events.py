"""What is asked of the database for every listed record looks at that record, and not at all there is."""

from __future__ import annotations

import pytest

from automations.engine import backfill, made_events
from tests.engine.conftest import ToyHouse


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (made_events._NEWEST_RUNS, "ix_run_record"),
        (made_events._IN_FRONT, "ix_event_record"),
        (made_events._LATER, "ix_event_record"),
        (backfill._UNDECIDED, "ix_event_undecided"),
        (backfill._WAITING, "ix_run_recipe_status"),
    ],
)
def test_a_question_goes_by_the_index_that_is_narrow(house: ToyHouse, sql: str, index: str) -> None:
    with house.assembly.database.connect_for_read() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", (1,) * sql.count("?")).all()
    plan = [str(row[3]) for row in rows]
    assert any(index in step for step in plan), plan
