"""From old runs to new ones: reads, asks the pure plan and the pure verdict, writes in one transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from pydantic import ValidationError
from sqlalchemy import Connection as SqlConnection
from sqlmodel import col, select

from automations.clock import Clock
from automations.engine import strict_json
from automations.engine.catalog import BrokenRecipe, Catalog
from automations.engine.compiled import CompiledRecipe
from automations.engine.connections import Connections
from automations.engine.context import build_context
from automations.engine.contracts import Occurrence
from automations.engine.decide import Ruling, Verdict, decide
from automations.engine.decider import EVENT_COLUMNS, Kinds, StoredEvent, envelope_of
from automations.engine.definition import StepPart
from automations.engine.lanes import MANY, Lanes
from automations.engine.leases import in_chunks, marks
from automations.engine.registry import Registry
from automations.engine.replay_choice import ReplayChoice, ReplayVersion
from automations.engine.replay_family import EarlierRun, Families, Family
from automations.engine.replay_plan import Planner, Refusal
from automations.engine.replay_writing import Replay, ReplayWriting
from automations.errors import AutomationError, InputError
from automations.model.database import Database
from automations.model.recipe import Recipe, RecipeVersion

AT_ONCE = MANY // 4

_log = structlog.get_logger("replay")


@dataclass
class Made:
    """new: the new run of each old one. before: the same, made by an earlier try of the same slice."""

    new: dict[int, int] = field(default_factory=dict)
    before: dict[int, int] = field(default_factory=dict)
    refused: dict[int, Refusal] = field(default_factory=dict)


class ReplayMaking:
    """Thread-safe. `ring` wakes the workers after something was made."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        connections: Connections,
        clock: Clock,
        ring: Callable[[], None],
    ) -> None:
        self._database = database
        self._registry = registry
        self._connections = connections
        self._clock = clock
        self._ring = ring
        self._catalog = Catalog(database, registry)
        self._kinds = Kinds(database, registry)
        self._families = Families(database)
        self._lanes = Lanes(database)
        self._writing = ReplayWriting(database)
        self._one_at_a_time = threading.Lock()
        inert = frozenset(key for key, action in registry.actions.items() if action.connection is None)
        self._planner = Planner(self._parts_of, inert)
        self._parts: dict[int, Sequence[StepPart]] = {}

    def make(
        self,
        run_ids: Sequence[int],
        choice: ReplayChoice,
        *,
        payload: bytes | None = None,
        job_id: int | None = None,
    ) -> Made:
        """Replay each of these runs, as far as it can be; each in a transaction with at most `AT_ONCE` others.

        payload: in place of the event's own. job_id: for a job no run is replayed twice, nor one that has a replay.
        """
        made = Made()
        for chunk in in_chunks(run_ids, AT_ONCE):
            with self._one_at_a_time, self._database.connect_for_write() as connection:
                self._lock_lanes(connection, chunk)
                replays = self._prepared(connection, chunk, choice, payload, job_id, made, lock=True)
                made.new |= self._writing.write(connection, replays, self._clock.now())
        if made.new:
            self._ring()
        return made

    def look(
        self,
        run_ids: Sequence[int],
        choice: ReplayChoice,
        payload: bytes | None = None,
        *,
        many: bool = False,
    ) -> tuple[list[Replay], dict[int, Refusal]]:
        """Return what `make` would do, and write nothing. many: as for a job."""
        made = Made()
        job_id = 0 if many else None
        with self._one_at_a_time, self._database.connect_for_read() as connection:
            replays = self._prepared(connection, run_ids, choice, payload, job_id, made, lock=False)
        return replays, made.refused

    def _lock_lanes(self, connection: SqlConnection, run_ids: Sequence[int]) -> None:
        sql = f"SELECT DISTINCT recipe_id, record_key FROM run WHERE id IN ({marks(run_ids)})"  # noqa: S608
        rows = connection.exec_driver_sql(self._database.sql(sql), tuple(run_ids)).all()
        self._lanes.lock(connection, [f"{recipe_id}:{record_key}" for recipe_id, record_key in rows])

    def _prepared(
        self,
        connection: SqlConnection,
        run_ids: Sequence[int],
        choice: ReplayChoice,
        payload: bytes | None,
        job_id: int | None,
        made: Made,
        *,
        lock: bool,
    ) -> list[Replay]:
        self._catalog.refresh()
        self._parts.clear()
        families = self._families.read(connection, run_ids, lock=lock)
        events = self._events(
            connection, [family.runs[run_id].event_id for run_id, family in families.items()]
        )
        found: list[Replay] = []
        for run_id in run_ids:
            family = families.get(run_id)
            if family is None:
                made.refused[run_id] = Refusal(
                    "unusable", f"There is no run {run_id}; it may have been pruned."
                )
                continue
            old = family.runs[run_id]
            if job_id is not None and (again := family.replays_of(old)):
                mine = next((r for r in again if r.replay_of == run_id and r.replay_job_id == job_id), None)
                if mine is not None:
                    made.before[run_id] = mine.id
                else:
                    made.refused[run_id] = Refusal(
                        "replayed", f"It was replayed already as run {again[-1].id}."
                    )
                continue
            replay = self._replay(old, family, events.get(old.event_id), choice, payload, job_id)
            if isinstance(replay, Refusal):
                made.refused[run_id] = replay
            else:
                found.append(replay)
        return found

    def _replay(
        self,
        old: EarlierRun,
        family: Family,
        event: StoredEvent | None,
        choice: ReplayChoice,
        payload: bytes | None,
        job_id: int | None,
    ) -> Replay | Refusal:
        recipe = self._version(old, choice)
        if isinstance(recipe, Refusal):
            return recipe
        if event is None or not (event.payload or payload):
            return Refusal(
                "unusable", f"The content of event {old.event_id} is gone, so nothing can be replayed."
            )
        unfit = self._unfit(recipe, event)
        if unfit is not None:
            return unfit
        plan = self._planner.plan(old, family, recipe, choice, edited=payload is not None)
        if isinstance(plan, Refusal):
            return plan
        kind = self._kinds.of(event.connection_id)
        assert kind is not None
        try:
            if payload is not None:
                _refuse_doubtful(payload, event.payload)
            occurrence = kind.read(event.topic, event.payload if payload is None else payload)
        except Exception as error:  # noqa: BLE001 - one unreadable event must not stop the others
            return Refusal(
                "unusable", f"Its content cannot be read ({type(error).__name__}). Correct it and try again."
            )
        verdict = self._verdict(recipe, event, occurrence) if plan.judge else None
        return Replay(plan, event, occurrence, verdict, payload, job_id or None)

    def _version(self, old: EarlierRun, choice: ReplayChoice) -> CompiledRecipe | Refusal:
        version_id: int | None = old.version_id
        if choice.version is ReplayVersion.LATEST:
            with self._database.read() as session:
                version_id = session.exec(
                    select(Recipe.published_version_id).where(col(Recipe.id) == old.recipe_id)
                ).first()
        if version_id is None:
            return Refusal(
                "unusable", "Its recipe is not published. Publish it, or replay the original version."
            )
        recipe = self._catalog.version(version_id)
        if isinstance(recipe, BrokenRecipe):
            return Refusal("unusable", f"That version cannot be used: {recipe.error.message}")
        return recipe

    def _unfit(self, recipe: CompiledRecipe, event: StoredEvent) -> Refusal | None:
        """Tell why this version could never have this event: the recipe was given another trigger since."""
        kind = self._kinds.of(event.connection_id)
        fitting = self._registry.triggers_for(kind.kind, event.topic) if kind is not None else []
        if recipe.connection.id == event.connection_id and recipe.trigger.key in {t.key for t in fitting}:
            return None
        return Refusal(
            "unusable",
            f"Version {recipe.version} waits for “{recipe.trigger.title}” from {recipe.connection.name}, and this was "
            f"{event.topic} from elsewhere or something else. Replay the original version.",
        )

    def _verdict(self, recipe: CompiledRecipe, event: StoredEvent, occurrence: Occurrence) -> Verdict:
        directory = self._connections.directory(event.connection_id)
        try:
            envelope = envelope_of(event, recipe, is_replay=True)
            context = build_context(occurrence, envelope, names=recipe.kind.names(occurrence))
            verdict = decide(recipe, occurrence, context, directory, looked_up=False)
        except AutomationError as error:
            return Verdict(Ruling.BROKEN, error.message)
        except Exception as error:  # noqa: BLE001 - a connector's bug parks its own run and nothing else
            _log.exception("replay.not_judged", recipe=recipe.name, event_id=event.id)
            return Verdict(Ruling.BROKEN, f"the trigger failed unexpectedly with {type(error).__name__}")
        return verdict

    def _events(self, connection: SqlConnection, ids: Sequence[int]) -> dict[int, StoredEvent]:
        found: dict[int, StoredEvent] = {}
        for chunk in in_chunks(sorted(set(ids))):
            sql = f"SELECT {EVENT_COLUMNS} FROM event WHERE id IN ({marks(chunk)})"  # noqa: S608
            for row in connection.exec_driver_sql(self._database.sql(sql), tuple(chunk)):
                event = StoredEvent.of(row)
                found[event.id] = event
        return found

    def _parts_of(self, version_id: int) -> Sequence[StepPart]:
        """Within one transaction a version is read once; later its connections may have other names."""
        if version_id not in self._parts:
            with self._database.read() as session:
                version = session.get(RecipeVersion, version_id)
            steps = (version.definition.get("steps") or []) if version is not None else []
            try:
                self._parts[version_id] = [StepPart.model_validate(step) for step in steps]
            except ValidationError:
                self._parts[version_id] = []
        return self._parts[version_id]


def _refuse_doubtful(payload: bytes, original: bytes) -> None:
    """Raise for an edited content that intake would refuse, for `read` trusts what is stored.

    It may hold as many items as its event does. Not every kind of connection keeps JSON.
    """
    most = max(strict_json.MAX_ITEMS, original.count(b",") + original.count(b"{") + original.count(b"["))
    try:
        strict_json.loads(payload, max_bytes=len(payload), max_items=most)
    except InputError as error:
        if error.code not in ("bad_json", "bad_encoding"):
            raise
