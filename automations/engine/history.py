"""Reading what happened: runs, one run, events, and why a recipe did not run. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func
from sqlmodel import Session, col, select

from automations.clock import Clock
from automations.engine.registry import Registry
from automations.engine.run_filter import ID_MAX, RunFilter, looks_for_words
from automations.errors import NotFoundError
from automations.model.columns import micros, storable_key
from automations.model.connection import Connection
from automations.model.database import Database
from automations.model.history import Attempt, Delivery, Event, Run
from automations.model.recipe import Recipe, RecipeVersion
from automations.model.states import RunStatus

PAGE = 50
PAGE_MAX = 1_000
LOOKED_AT_ONCE = 50_000


@dataclass(frozen=True)
class RunLine:
    """One line of the history."""

    run: Run
    recipe: str
    version: int
    connection: str


@dataclass(frozen=True)
class DeliveryDetail:
    delivery: Delivery
    attempts: list[Attempt]
    connection: str


@dataclass(frozen=True)
class RunDetail:
    run: Run
    recipe: Recipe
    version: RecipeVersion
    event: Event
    connection: str
    deliveries: list[DeliveryDetail]


@dataclass(frozen=True)
class WhyLine:
    """What one recipe made of one event. run_id: None where it has no run."""

    recipe: str
    recipe_id: int
    answer: str
    reason: str
    run_id: int | None


class History:
    def __init__(self, database: Database, registry: Registry, clock: Clock) -> None:
        self._database = database
        self._registry = registry
        self._clock = clock

    # -- runs

    def runs(
        self,
        *,
        recipe: str | None = None,
        status: str | Sequence[str] | None = None,
        record: str | None = None,
        search: str | None = None,
        since: datetime | None = None,
        before_id: int | None = None,
        from_id: int | None = None,
        limit: int = PAGE,
    ) -> list[RunLine]:
        """Return runs, newest first. The words are those of `RunFilter`.

        Raises InputError for a status that does not exist, NotFoundError for a recipe that does not.
        """
        statuses = (status,) if isinstance(status, str) else tuple(status or ())
        wanted = RunFilter(recipe or "", statuses, record or "", search or "", since, from_id=from_id)
        with self._database.read() as session:
            query = (
                select(Run, Recipe.name, RecipeVersion.number, Connection.name)
                .join(Recipe, col(Recipe.id) == col(Run.recipe_id))
                .join(RecipeVersion, col(RecipeVersion.id) == col(Run.version_id))
                .join(Event, col(Event.id) == col(Run.event_id))
                .join(Connection, col(Connection.id) == col(Event.connection_id))
            )
            for clause in wanted.clauses(session):
                query = query.where(clause)
            if before_id is not None:
                query = query.where(col(Run.id) < before_id)
            rows = session.exec(query.order_by(col(Run.id).desc()).limit(min(limit, PAGE_MAX))).all()
        return [RunLine(*row) for row in rows]

    def looked_at_from(self, search: str, before_id: int | None) -> int | None:
        """Return down to which run one page looks for words, so that it answers soon; None where it looks at all."""
        if not looks_for_words(search):
            return None
        with self._database.read() as session:
            newest = session.exec(select(func.max(Run.id))).one() or 0
        lowest = min(before_id or newest + 1, newest + 1) - LOOKED_AT_ONCE
        return lowest if lowest > 1 else None

    def run(self, run_id: int) -> RunDetail:
        """Raises NotFoundError."""
        with self._database.read() as session:
            run = session.get(Run, run_id) if run_id <= ID_MAX else None
            if run is None:
                raise NotFoundError(f"There is no run {run_id}; it may have been pruned.")
            deliveries = session.exec(
                select(Delivery)
                .where(col(Delivery.run_id) == run_id)
                .order_by(col(Delivery.step_index), col(Delivery.item_index))
            ).all()
            names = _connection_names(session)
            details = [
                DeliveryDetail(
                    delivery,
                    list(
                        session.exec(
                            select(Attempt)
                            .where(col(Attempt.delivery_id) == delivery.id)
                            .order_by(col(Attempt.number))
                        )
                    ),
                    names.get(delivery.connection_id, ""),
                )
                for delivery in deliveries
            ]
            event = session.get_one(Event, run.event_id)
            return RunDetail(
                run=run,
                recipe=session.get_one(Recipe, run.recipe_id),
                version=session.get_one(RecipeVersion, run.version_id),
                event=event,
                connection=names.get(event.connection_id, ""),
                deliveries=details,
            )

    # -- events

    def events(
        self,
        *,
        connection_id: int | None = None,
        record: str | None = None,
        before_id: int | None = None,
        limit: int = PAGE,
    ) -> list[tuple[Event, str]]:
        """Return (event, connection name), newest first."""
        with self._database.read() as session:
            query = select(Event, Connection.name).join(
                Connection, col(Connection.id) == col(Event.connection_id)
            )
            if connection_id is not None:
                query = query.where(col(Event.connection_id) == connection_id)
            if record:
                query = query.where(col(Event.record_key) == storable_key(record))
            if before_id is not None:
                query = query.where(col(Event.id) < before_id)
            rows = session.exec(query.order_by(col(Event.id).desc()).limit(min(limit, PAGE_MAX)))
            return [(event, name) for event, name in rows]

    def event(self, event_id: int) -> tuple[Event, str]:
        """Return (event, connection name). Raises NotFoundError."""
        with self._database.read() as session:
            event = session.get(Event, event_id) if event_id <= ID_MAX else None
            if event is None:
                raise NotFoundError(f"There is no event {event_id}; it may have been pruned.")
            connection = session.get(Connection, event.connection_id)
            return event, connection.name if connection else ""

    def why(self, event_id: int) -> list[WhyLine]:
        """Return what every recipe made of an event: its run, or why it has none."""
        event, _ = self.event(event_id)
        with self._database.read() as session:
            runs = {
                run.recipe_id: run for run in session.exec(select(Run).where(col(Run.event_id) == event_id))
            }
            recipes = session.exec(select(Recipe).order_by(func.lower(col(Recipe.name)))).all()
            kind = session.get_one(Connection, event.connection_id).kind
        passed_over = {row[0]: row[2] for row in event.passed_over or []}
        fitting = {trigger.key for trigger in self._registry.triggers_for(kind, event.topic)}
        return [
            self._why(event, recipe, runs.get(recipe.id or 0), passed_over, fitting) for recipe in recipes
        ]

    def _why(
        self, event: Event, recipe: Recipe, run: Run | None, passed_over: dict[int, str], fitting: set[str]
    ) -> WhyLine:
        recipe_id = recipe.id or 0
        if run is not None:
            answer = "filtered" if run.status == RunStatus.FILTERED else "ran"
            return WhyLine(recipe.name, recipe_id, answer, run.reason, run.id)
        if event.decided_at is None:
            answer, reason = "waiting", "the event is stored and not decided yet"
        elif event.problem:
            answer, reason = "problem", event.problem
        elif recipe_id in passed_over:
            answer, reason = "not triggered", passed_over[recipe_id]
        elif recipe.published_version_id is None:
            answer, reason = "draft", "it was never published"
        elif recipe.trigger_connection_id != event.connection_id:
            answer, reason = "other source", "it listens to another connection"
        elif recipe.trigger_key not in fitting:
            trigger = self._registry.triggers.get(recipe.trigger_key or "")
            title = trigger.title if trigger else recipe.trigger_key
            answer, reason = "other trigger", f"it waits for “{title}”; this event was {event.topic}"
        elif not recipe.enabled:
            answer, reason = "off", "it is switched off"
        else:
            answer, reason = "later", "it was published or switched on after this event"
        return WhyLine(recipe.name, recipe_id, answer, reason, None)

    # -- counts

    def undecided(self) -> int:
        """Events accepted and not yet decided."""
        with self._database.read() as session:
            return session.exec(
                select(func.count()).select_from(Event).where(col(Event.decided_at).is_(None))
            ).one()

    def counts(self, since: datetime | None = None) -> dict[int, dict[str, int]]:
        """Return run counts by recipe id and status since a time (default: the last 24 hours)."""
        since = since or self._clock.now() - timedelta(hours=24)
        # SQLite would go through all runs, which the index for the grouping has in order already.
        index = "INDEXED BY ix_run_counts" if self._database.on_sqlite else ""
        sql = f"SELECT recipe_id, status, COUNT(*) FROM run {index} WHERE created_at>=? GROUP BY recipe_id, status"  # noqa: S608
        found: dict[int, dict[str, int]] = {}
        with self._database.read_plain() as connection:
            for recipe_id, status, count in connection.exec_driver_sql(
                self._database.sql(sql), (micros(since),)
            ):
                found.setdefault(recipe_id, {})[status] = count
        return found

    def parked(self) -> int:
        """Runs that want a person."""
        with self._database.read() as session:
            return session.exec(
                select(func.count()).select_from(Run).where(col(Run.status) == str(RunStatus.PARKED))
            ).one()

    def last_run_at(self) -> dict[int, datetime]:
        """Return when each recipe last had a run."""
        # One look into the index for each recipe: grouping would read every run.
        # A range and not an equation: PostgreSQL would look for a recipe without runs through all runs by id.
        of_recipe = select(Run.created_at).where(col(Run.recipe_id).between(Recipe.id, Recipe.id))
        newest_first = of_recipe.order_by(col(Run.recipe_id).desc(), col(Run.id).desc())
        newest = newest_first.limit(1).correlate(Recipe).scalar_subquery()
        with self._database.read() as session:
            rows = session.exec(select(Recipe.id, newest))
            return {recipe_id or 0: at for recipe_id, at in rows if at is not None}


def _connection_names(session: Session) -> dict[int, str]:
    return {row[0] or 0: row[1] for row in session.exec(select(Connection.id, Connection.name))}
