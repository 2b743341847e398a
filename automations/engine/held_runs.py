"""Runs that are held back because their recipe is: decided and in their lanes, but nobody may claim them.

A held run talks to a connection that does not exist, the one asked for turned around; so it takes no look, no row
and no time from those that may run, and going on is turning it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from automations.engine.changes import NewRun
from automations.engine.lanes import Lanes
from automations.engine.leases import marks
from automations.model.database import Database
from automations.model.statements import Statements

HELD = "held"
_BATCH = 500


def turned(connection_id: int) -> int:
    """Return the number that holds back what would talk to a connection, and the connection for that number."""
    return -1 - connection_id


def held_still(database: Database, connection: Statements, runs: Sequence[NewRun]) -> list[NewRun]:
    """Return new runs with those let go whose recipe a person let go on since they were checked.

    Asked before their lanes are locked; until the transaction ends nobody can end the stops that hold the others.
    """
    recipes = sorted({run.recipe_id for run in runs if run.reason_kind == HELD})
    if not recipes:
        return list(runs)
    sql = _HOLDING.format(marks=marks(recipes), lock="" if database.on_sqlite else " FOR SHARE")
    holding = {row[0] for row in connection.exec_driver_sql(database.sql(sql), tuple(recipes))}
    return [
        run
        if run.reason_kind != HELD or run.recipe_id in holding
        else replace(run, connection_id=turned(run.connection_id), reason="", reason_kind="")
        for run in runs
    ]


def let_held_go(database: Database, connection: Statements, recipe_id: int) -> int:
    """Let the held runs of a recipe be claimed, in their order; return how many."""
    return int(connection.exec_driver_sql(database.sql(_LET_GO), (recipe_id,)).rowcount)


def cancel_held(database: Database, connection: Statements, recipe_id: int, now: int) -> int:
    """End the held runs of a recipe; return how many. now: microseconds."""
    lanes = Lanes(database)
    held = "SELECT id FROM run WHERE recipe_id=? AND status='queued' AND connection_id<0 ORDER BY id"
    ids = [row[0] for row in connection.exec_driver_sql(database.sql(held), (recipe_id,))]
    for start in range(0, len(ids), _BATCH):
        chunk = ids[start : start + _BATCH]
        lanes.lock(connection, lanes.of_runs(connection, chunk))
        # Behind one that is under way nobody's turn begins with this.
        left = _lanes_led(database, connection, chunk)
        sql = _CANCEL.format(marks=marks(chunk))
        connection.exec_driver_sql(database.sql(sql), (now, *chunk))
        lanes.let_next_go(connection, left, now)
    return len(ids)


def _lanes_led(database: Database, connection: Statements, run_ids: Sequence[int]) -> list[str]:
    """Return the lanes in which one of these runs stands in front."""
    sql = _LED.format(marks=marks(run_ids))
    return [row[0] for row in connection.exec_driver_sql(database.sql(sql), tuple(run_ids))]


_HOLDING = "SELECT recipe_id FROM stop WHERE over_at IS NULL AND kind='fuse' AND recipe_id IN ({marks}){lock}"

_LET_GO = """
UPDATE run SET connection_id=-1-connection_id, reason='', reason_kind=''
WHERE recipe_id=? AND status='queued' AND connection_id<0
"""

_LED = """
SELECT DISTINCT lane FROM run WHERE id IN ({marks}) AND claimable_at IS NOT NULL AND lane IS NOT NULL ORDER BY lane
"""

_CANCEL = """
UPDATE run SET status='cancelled', reason='dropped when its recipe was let go on', finished_at=?, lane=NULL,
  claimable_at=NULL, connection_id=0
WHERE id IN ({marks})
"""
