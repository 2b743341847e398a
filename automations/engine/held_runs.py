"""Runs that are held back because their recipe is: decided and in their lanes, but nobody may claim them.

A held run talks to a connection that does not exist, the one asked for turned around; so it takes no look, no row
and no time from those that may run, and going on is turning it back.
"""

from __future__ import annotations

from automations.engine.lanes import Lanes
from automations.model.database import Database
from automations.model.statements import Statements

HELD = "held"
_BATCH = 500


def turned(connection_id: int) -> int:
    """Return the number that holds back what would talk to a connection, and the connection for that number."""
    return -1 - connection_id


def let_held_go(database: Database, connection: Statements, recipe_id: int) -> int:
    """Let the held runs of a recipe be claimed, in their order; return how many."""
    return int(connection.exec_driver_sql(database.sql(_LET_GO), (recipe_id,)).rowcount)


def cancel_held(database: Database, connection: Statements, recipe_id: int, now: int) -> int:
    """End the held runs of a recipe; return how many. now: microseconds."""
    lanes = Lanes(database)
    marks = "SELECT id FROM run WHERE recipe_id=? AND status='queued' AND connection_id<0 ORDER BY id"
    ids = [row[0] for row in connection.exec_driver_sql(database.sql(marks), (recipe_id,))]
    for start in range(0, len(ids), _BATCH):
        chunk = ids[start : start + _BATCH]
        left = lanes.of_runs(connection, chunk)
        lanes.lock(connection, left)
        sql = _CANCEL.format(marks=", ".join("?" * len(chunk)))
        connection.exec_driver_sql(database.sql(sql), (now, *chunk))
        lanes.let_next_go(connection, left, now)
    return len(ids)


_LET_GO = """
UPDATE run SET connection_id=-1-connection_id, reason='', reason_kind=''
WHERE recipe_id=? AND status='queued' AND connection_id<0
"""

_CANCEL = """
UPDATE run SET status='cancelled', reason='dropped when its recipe was let go on', finished_at=?, lane=NULL,
  claimable_at=NULL, connection_id=0
WHERE id IN ({marks})
"""
