"""Sample records: what the builder previews with and test-runs use.

They come built in with the trigger, from events that arrived, from the account, or pasted by a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, true
from sqlmodel import Session, col, select

from automations.clock import Clock
from automations.engine.connections import Connections
from automations.engine.contracts import JsonObject, Occurrence, Trigger
from automations.engine.conversion import convert
from automations.engine.pasted_samples import parse_sample
from automations.engine.pasted_samples import sample_text as sample_text
from automations.engine.registry import Registry, nearest
from automations.errors import AutomationError, NotFoundError, RecipeError
from automations.model.connection import Connection
from automations.model.database import Database
from automations.model.history import Event
from automations.model.recipe import Sample
from automations.model.states import SampleOrigin

BUILT_IN = "built_in"
CAPTURED_SHOWN = 10
LOOKED_THROUGH = 200
KEPT_PER_TRIGGER = 50
LOOKED_UP_KEPT = 200
ID_MAX = 2**63 - 1


@dataclass(frozen=True)
class SampleChoice:
    """ref: `built_in`, `event:12` or `sample:3`; it stays valid while the thing is kept."""

    ref: str
    name: str
    origin: SampleOrigin
    at: Any = None


class Samples:
    def __init__(
        self, database: Database, registry: Registry, connections: Connections, clock: Clock
    ) -> None:
        self._database = database
        self._registry = registry
        self._connections = connections
        self._clock = clock
        self._looked_up: dict[int, JsonObject] = {}

    def choices(self, trigger_key: str, connection_id: int | None) -> list[SampleChoice]:
        """Return what can be previewed with, the most real first: captured, pulled and pasted, built in."""
        trigger = self._trigger(trigger_key)
        found: list[SampleChoice] = []
        if connection_id is not None:
            found += self._captured(trigger, connection_id)
            found += self._kept(trigger_key, connection_id)
        label = trigger.sample.label or "example"
        return [*found, SampleChoice(BUILT_IN, f"{label} (built in)", SampleOrigin.BUILT_IN)]

    def get(self, ref: str, trigger_key: str) -> Occurrence:
        """Raises NotFoundError when the sample is gone."""
        trigger = self._trigger(trigger_key)
        kind, _, number = ref.partition(":")
        if kind == BUILT_IN or not ref:
            return trigger.sample
        if not (number.isascii() and number.isdigit()) or int(number) > ID_MAX:
            raise NotFoundError(f"There is no sample {ref!r}. Choose another.")
        with self._database.read() as session:
            if kind == "sample":
                row = session.get(Sample, int(number))
                if row is not None:
                    return Occurrence.from_json(row.occurrence)
            elif kind == "event":
                event = session.get(Event, int(number))
                if event is not None:
                    return self._completed(event, trigger)
        raise NotFoundError(f"The sample {ref!r} is gone. Choose another.")

    def _completed(self, event: Event, trigger: Trigger) -> Occurrence:
        """Return a captured event with its related records, looked up once and remembered for a while.

        Where they cannot be had, the event is shown as it came.
        """
        occurrence = self._read(event)
        kind = trigger.connection.kind
        needs = self._registry.kinds[kind].needs(trigger.entity, _all_related(trigger))
        if not needs:
            return occurrence
        assert event.id is not None
        if event.id not in self._looked_up:
            if len(self._looked_up) >= LOOKED_UP_KEPT:
                self._looked_up.clear()
            try:
                client = self._connections.client(event.connection_id)
                (related,) = self._registry.kinds[kind].load_related([occurrence], needs, client)
            except (AutomationError, ValueError):
                related = {}
            self._looked_up[event.id] = related
        return _with_related(occurrence, self._looked_up[event.id])

    def event(self, event_id: int) -> Occurrence:
        """Return a stored event as a sample. Raises NotFoundError."""
        with self._database.read() as session:
            event = session.get(Event, event_id) if event_id <= ID_MAX else None
        if event is None:
            raise NotFoundError(f"There is no event {event_id}; it may have been pruned.")
        return self._read(event)

    def pull(
        self, trigger_key: str, connection_id: int, fields: Mapping[str, Any], limit: int = 5
    ) -> list[SampleChoice]:
        """Fetch real records of the account, newest first, narrowed as the trigger is, and keep them.

        Raises CredentialsError, DeliveryError, RecipeError when the narrowing cannot be used.
        """
        trigger = self._trigger(trigger_key)
        typed = _typed(trigger, fields)
        client = self._connections.client(connection_id)
        trigger.prepare(typed, client)
        pulled = list(trigger.pull(typed, client, limit))
        kind = trigger.connection.kind
        needs = self._registry.kinds[kind].needs(trigger.entity, _all_related(trigger))
        related = (
            self._registry.kinds[kind].load_related(pulled, needs, client)
            if pulled and needs
            else [{}] * len(pulled)
        )
        return [
            self._keep(trigger_key, connection_id, _with_related(occurrence, found), SampleOrigin.PULLED)
            for occurrence, found in reversed(list(zip(pulled, related, strict=True)))
        ][::-1]

    def paste(self, trigger_key: str, connection_id: int, text: str, name: str = "") -> SampleChoice:
        """Keep what a person pasted: a record, a whole webhook, or an occurrence. Raises InputError."""
        occurrence = self.parse(trigger_key, text)
        if name:
            occurrence = Occurrence.from_json({**occurrence.as_json(), "label": name})
        return self._keep(trigger_key, connection_id, occurrence, SampleOrigin.PASTED)

    def parse(self, trigger_key: str, text: str) -> Occurrence:
        """Read a record, a whole webhook as the product sends it, or an occurrence. Raises InputError."""
        trigger = self._trigger(trigger_key)
        return parse_sample(trigger, self._registry.kinds[trigger.connection.kind], text)

    def _captured(self, trigger: Trigger, connection_id: int) -> list[SampleChoice]:
        with self._database.read(steady=True) as session:
            found: list[SampleChoice] = []
            newest = (
                select(Event)
                .where(col(Event.connection_id) == connection_id, _about(trigger.topics))
                .order_by(col(Event.id).desc())
                .limit(LOOKED_THROUGH)
            )
            # A few at a time: an event may weigh a megabyte.
            for event in session.exec(newest.execution_options(yield_per=10)):
                choice = self._choice(event, trigger)
                if choice is not None:
                    found.append(choice)
                if len(found) >= CAPTURED_SHOWN:
                    break
        return found

    def _choice(self, event: Event, trigger: Trigger) -> SampleChoice | None:
        try:
            occurrence = self._read(event)
        except NotFoundError:
            return None
        if trigger.occurred(occurrence) is not None:
            return None
        return SampleChoice(f"event:{event.id}", occurrence.label, SampleOrigin.CAPTURED, event.received_at)

    def _kept(self, trigger_key: str, connection_id: int) -> list[SampleChoice]:
        with self._database.read() as session:
            rows = session.exec(
                select(Sample)
                .where(col(Sample.connection_id) == connection_id, col(Sample.trigger_key) == trigger_key)
                .order_by(col(Sample.id).desc())
                .limit(KEPT_PER_TRIGGER)
            )
            return [
                SampleChoice(f"sample:{row.id}", row.name, SampleOrigin(row.origin), row.created_at)
                for row in rows
            ]

    def _keep(
        self, trigger_key: str, connection_id: int, occurrence: Occurrence, origin: SampleOrigin
    ) -> SampleChoice:
        name = occurrence.label or "sample"
        with self._database.write() as session:
            session.execute(
                delete(Sample).where(
                    col(Sample.connection_id) == connection_id,
                    col(Sample.trigger_key) == trigger_key,
                    col(Sample.name) == name,
                    col(Sample.origin) == str(origin),
                )
            )
            row = Sample(
                connection_id=connection_id,
                trigger_key=trigger_key,
                name=name,
                origin=str(origin),
                occurrence=occurrence.as_json(),
                created_at=self._clock.now(),
            )
            session.add(row)
            session.flush()
            _drop_the_oldest(session, connection_id, trigger_key)
            return SampleChoice(f"sample:{row.id}", name, origin, row.created_at)

    def _read(self, event: Event) -> Occurrence:
        with self._database.read() as session:
            connection = session.get_one(Connection, event.connection_id)
        try:
            return self._registry.kinds[connection.kind].read(event.topic, event.payload)
        except Exception as error:
            raise NotFoundError(
                f"Event {event.id} cannot be read ({type(error).__name__}). Choose another sample."
            ) from error

    def _trigger(self, key: str) -> Trigger:
        found = self._registry.triggers.get(key)
        if found is None:
            near = nearest(key, self._registry.triggers)
            raise NotFoundError(
                f"There is no trigger {key!r}." + (f" Did you mean {near!r}?" if near else "")
            )
        return found()


def _drop_the_oldest(session: Session, connection_id: int, trigger_key: str) -> None:
    same = (col(Sample.connection_id) == connection_id, col(Sample.trigger_key) == trigger_key)
    kept = select(Sample.id).where(*same).order_by(col(Sample.id).desc()).limit(KEPT_PER_TRIGGER)
    session.execute(delete(Sample).where(*same, col(Sample.id).not_in(kept)))


def _typed(trigger: Trigger, fields: Mapping[str, Any]) -> Any:
    known = trigger.Fields.model_fields
    try:
        values = {
            k: convert(v, known[k].annotation)
            for k, v in fields.items()
            if k in known and v not in (None, "")
        }
        return trigger.Fields.model_validate(values)
    except ValueError as error:
        raise RecipeError(f"The trigger's fields cannot be used: {error}.", path="trigger.fields") from error


def _about(patterns: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that an event's topic fits one of these patterns."""
    exact = [pattern for pattern in patterns if "*" not in pattern]
    parts: list[ColumnElement[bool]] = [col(Event.topic).in_(exact)] if exact else []
    for pattern in set(patterns) - set(exact):
        if pattern == "*":
            return true()
        entity, _, action = pattern.partition(".")
        topic = col(Event.topic)
        parts.append(topic.endswith(f".{action}") if entity == "*" else topic.startswith(f"{entity}."))
    return or_(*parts)


def _all_related(trigger: Trigger) -> list[tuple[str, ...]]:
    """Return a path to each related thing of the built-in sample, so that a pulled sample shows as much."""
    paths = [(trigger.entity, name) for name in trigger.sample.related]
    for name, value in trigger.sample.related.items():
        if isinstance(value, dict):
            paths += [(trigger.entity, name, inner) for inner in value]  # type: ignore[misc]
    return paths  # type: ignore[return-value]


def _with_related(occurrence: Occurrence, related: Mapping[str, Any]) -> Occurrence:
    return Occurrence.from_json({**occurrence.as_json(), "related": {**occurrence.related, **related}})
