"""The ledger's statements: one for each kind of row, and on PostgreSQL one for all that a turn writes.

With calls in flight every statement on PostgreSQL waits for the interpreter once more, so nine of them took longer
than what they wrote.

Each looks its rows up one by one, by id, and leaves the planner no other way: a condition that has an index of its own
stands in a sub-select for one id (`LATERAL`), or within `CASE`. Joined, it read all that is undecided or queued, or the
whole table, and compared each row with each given one.
"""

from __future__ import annotations

from collections.abc import Iterable

from automations.model.many import INTEGER, TEXT, Column, insert, unnested, update

_VERDICT = (Column("decided_at"), Column("label", TEXT), Column("passed_over", TEXT), Column("problem", TEXT))
DECIDE = update("event", _VERDICT)

DELIVERY = {
        "run_id": INTEGER, "step_index": INTEGER, "item_index": INTEGER, "step_name": TEXT, "action": TEXT,
        "connection_id": INTEGER, "status": TEXT, "reason": TEXT, "reason_kind": TEXT, "fields": TEXT, "outputs": TEXT,
        "idempotency_key": TEXT, "attempts": INTEGER, "created_at": INTEGER, "closed_at": INTEGER, "item_key": TEXT,
    }  # fmt: skip
_UNLESS_CLOSED = (
    "ON CONFLICT (run_id, step_index, item_index) DO UPDATE SET status=excluded.status "
    "WHERE delivery.status<>'succeeded' RETURNING id, run_id, step_index, item_index"
)

OPEN = insert("delivery", DELIVERY, _UNLESS_CLOSED)

OPEN_AGAIN = update(
    "delivery",
    [Column("status", TEXT)],
    also="attempts=attempts+1, next_attempt_at=NULL",
    where="status<>'succeeded'",
)

_CLOSED = [
    Column("status", TEXT), Column("reason", TEXT), Column("reason_kind", TEXT), Column("outputs", TEXT),
    Column("next_attempt_at"), Column("closed_at"),
]  # fmt: skip
CLOSE = update("delivery", _CLOSED)

_ATTEMPT = {
        "delivery_id": INTEGER, "number": INTEGER, "started_at": INTEGER, "duration_ms": INTEGER, "outcome": TEXT,
        "message": TEXT, "exchanges": TEXT, "batch_size": INTEGER,
    }  # fmt: skip
_UNLESS_TOLD = "ON CONFLICT (delivery_id, number) DO NOTHING"
TRY = insert("attempt", _ATTEMPT, _UNLESS_TOLD)

_RELEASED = [
    Column("status", TEXT), Column("reason", TEXT), Column("reason_kind", TEXT), Column("step_index"),
    Column("connection_id"), Column("claimable_at"), Column("memory", TEXT), Column("finished_at"),
    Column("lane", becomes="CASE WHEN {}=1 THEN run.lane END"), Column("claims_without_end"),
]  # fmt: skip
_IN_NO_HANDS = "lease_owner=NULL, lease_until=NULL"
RELEASE = update("run", _RELEASED, also=_IN_NO_HANDS)

# -- PostgreSQL: several of these in one

#: What the parts of these take, in this order, each as an array a column.
VERDICT_KINDS = [*(one.kind for one in _VERDICT), INTEGER]
CLOSING_KINDS = [*(one.kind for one in _CLOSED), INTEGER, INTEGER]
ATTEMPT_KINDS = [*_ATTEMPT.values(), INTEGER]
UPDATE_KINDS = [*(one.kind for one in _RELEASED), INTEGER]


def _named(count: int) -> str:
    return ", ".join(f"value_{n}" for n in range(count))


def _set(columns: Iterable[Column]) -> str:
    return ", ".join(f"{one.name}={one.becomes.format(f'v.value_{n}')}" for n, one in enumerate(columns))


#: Verdicts on events that nobody has decided yet, and which of some lanes have any run in them: the ids of the events,
#: then the lanes. Takes the ids of the events first. Events and lanes are locked by a statement before it; without
#: that, what another worker decides meanwhile would be decided once more.
DECIDE_AND_LOOK = f"""
WITH undecided AS (
  SELECT found.id FROM unnest(%b::bigint[]) AS asked(id)
  CROSS JOIN LATERAL (SELECT id FROM event WHERE id=asked.id AND decided_at IS NULL LIMIT 1) AS found
), changed AS (
  UPDATE event SET {_set(_VERDICT)} FROM {unnested(VERDICT_KINDS)} AS v({_named(len(_VERDICT))}, which, place)
  WHERE event.id=v.which AND (v.which IN (SELECT id FROM undecided)) IS TRUE RETURNING event.id
)
SELECT id, NULL FROM changed
UNION ALL SELECT NULL, lane FROM (SELECT DISTINCT lane FROM run WHERE lane=ANY(%b)) AS occupied
"""  # noqa: S608 - names only

# A sub-select that is only looked up in, by its hash: joined, it would be read through once for every row.
_IS_KEPT = "(v.run_id IN (SELECT id FROM kept)) IS TRUE"

_KEPT = """
WITH kept AS (
  SELECT mine.id, mine.lane FROM unnest(%b::bigint[], %b::bigint[]) AS held(id, counter)
  CROSS JOIN LATERAL (
    SELECT id, lane FROM run WHERE id=held.id AND lease_counter=held.counter AND lease_owner=%s FOR UPDATE) AS mine
)"""

_OPENED = f"""opened AS (
  INSERT INTO delivery ({", ".join(DELIVERY)}) SELECT {", ".join(DELIVERY)}
  FROM {unnested(DELIVERY.values())} AS v({", ".join(DELIVERY)}, place)
  WHERE {_IS_KEPT} ORDER BY place {_UNLESS_CLOSED}
)"""  # noqa: S608 - names only

_FOUND = """
SELECT NULL, id, 0, 0 FROM kept UNION ALL SELECT id, run_id, step_index, item_index FROM opened
"""
_LET_GO = "UNION ALL SELECT NULL, NULL, 0, 0 FROM let_go"

#: First the runs that are still this worker's, without a delivery, then what was opened.
DEPART = f"{_KEPT}, {_OPENED}{_FOUND}"

#: The same, with what came home closed and what is over released. All parts see the rows as they were before, so the
#: next of a lane is looked for beside the run that leaves it, which is the only one of its lane in any hands. At the
#: end a row of nothing for each run that may be claimed now.
SETTLE = f"""{_KEPT}, {_OPENED}, closed AS (
  UPDATE delivery SET {_set(_CLOSED)}
  FROM {unnested(CLOSING_KINDS)} AS v({_named(len(_CLOSED))}, which, run_id, place)
  WHERE delivery.id=v.which AND {_IS_KEPT}
), tried AS (
  INSERT INTO attempt ({", ".join(_ATTEMPT)}) SELECT {", ".join(_ATTEMPT)}
  FROM {unnested(ATTEMPT_KINDS)} AS v({", ".join(_ATTEMPT)}, run_id, place)
  WHERE {_IS_KEPT} ORDER BY place {_UNLESS_TOLD}
), released AS (
  UPDATE run SET {_set(_RELEASED)}, {_IN_NO_HANDS}
  FROM {unnested(UPDATE_KINDS)} AS v({_named(len(_RELEASED))}, run_id, place)
  WHERE run.id=v.run_id AND {_IS_KEPT}
), let_go AS (
  UPDATE run SET claimable_at=%s WHERE CASE WHEN status='queued' THEN claimable_at IS NULL END AND id=ANY(ARRAY(
    SELECT (SELECT MIN(id) FROM run WHERE lane=kept.lane AND id<>kept.id)
    FROM kept WHERE kept.lane IS NOT NULL AND (kept.id IN (SELECT unnest(%b::bigint[]))) IS TRUE))
  RETURNING id
){_FOUND}{_LET_GO}"""  # noqa: S608 - names only
