"""Remote webhooks kept as the published recipes need them: one a connection and topic, shared by all recipes."""

from __future__ import annotations

import secrets as random_secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import structlog
from pydantic import ValidationError
from sqlmodel import col, select

from automations.clock import Clock
from automations.engine.connection_settings import BEFORE, UNTIL
from automations.engine.connections import Connections
from automations.engine.contracts import ConnectionKind, Trigger
from automations.engine.registry import Registry
from automations.errors import AutomationError, InputError, RejectedError
from automations.model.columns import micros
from automations.model.connection import Connection, Subscription
from automations.model.database import Database
from automations.model.recipe import Recipe, RecipeVersion
from automations.model.states import ConnectionState

FORBIDDEN = "403"
_log = structlog.get_logger("subscriptions")


PASSWORD_KEPT_FOR = timedelta(minutes=10)
NEARLY_FULL = 0.9


@dataclass(frozen=True)
class SyncReport:
    """What one look at one connection found and did; topics in the connector's words.

    problem: why it stopped. warning: what will be a problem soon. by_hand: topics that a person must enter there,
    because these credentials may not.
    """

    connection: str
    address: str
    wanted: tuple[str, ...] = ()
    adopted: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    problem: str = ""
    warning: str = ""
    by_hand: tuple[str, ...] = ()


class Subscriptions:
    def __init__(
        self, database: Database, registry: Registry, connections: Connections, clock: Clock, public_url: str
    ) -> None:
        self._database = database
        self._registry = registry
        self._connections = connections
        self._clock = clock
        self._public_url = public_url.rstrip("/")

    def address(self, connection: Connection) -> str:
        """Return the inbound address of a connection, or an empty text where it has none."""
        kind = self._registry.kinds.get(connection.kind)
        if kind is None or not connection.hook_token:
            return ""
        return f"{self._public_url}{kind.hook_path}{connection.hook_token}"

    def all(self) -> list[tuple[Subscription, str]]:
        """Return (subscription, connection name)."""
        with self._database.read() as session:
            rows = session.exec(
                select(Subscription, Connection.name)
                .join(Connection, col(Connection.id) == col(Subscription.connection_id))
                .order_by(col(Connection.name), col(Subscription.topic))
            )
            return [(subscription, name) for subscription, name in rows]

    def sync(self, name: str | None = None) -> list[SyncReport]:
        """Make what exists remotely equal what the recipes that are on need; one report a connection."""
        return [self._sync_one(one) for one in self._managed() if name in (None, one.name)]

    def mend(self) -> None:
        """Look after every remote webhook; what cannot be mended now is logged and looked at again.

        A connection that waits for its owner is left alone: its credentials were refused.
        """
        for connection in self._managed():
            if connection.state != ConnectionState.OK:
                continue
            report = self._sync_one(connection)
            if report.added or report.removed or report.problem or report.warning:
                _log.info(
                    "subscriptions.mended",
                    connection=report.connection,
                    added=report.added,
                    removed=report.removed,
                    problem=report.problem,
                    warning=report.warning,
                )

    def rotate(self, name: str) -> SyncReport:
        """Give the inbound address a new password, and make every webhook there anew with it.

        The new one of a topic is made before the old one is removed, so that nothing is missed; what happens in
        between may arrive twice. The old password is good until all are made anew, and some minutes longer for
        deliveries under way; after a failure, doing it again goes on from there.
        Raises InputError for a connection whose webhooks are not looked after from here.
        """
        connection = self._connections.get(name)
        if connection.id not in {one.id for one in self._managed()} or connection.id is None:
            raise InputError(f"{name!r} has no webhooks that are looked after from here.")
        with self._connections.changing(connection.id) as (_row, sealed):
            begun = BEFORE in sealed and UNTIL not in sealed
            if not begun:
                sealed[BEFORE] = sealed["hook_password"]
                sealed["hook_password"] = random_secrets.token_urlsafe(24)
                sealed.pop(UNTIL, None)
        report = self._sync_one(connection, anew=True)
        if not report.problem:
            with self._connections.changing(connection.id) as (_row, sealed):
                sealed[UNTIL] = str(micros(self._clock.now() + PASSWORD_KEPT_FOR))
        return report

    def _managed(self) -> list[Connection]:
        """Return the connections whose remote webhooks are made and removed from here."""
        kinds = self._registry.kinds
        return [one for one in self._connections.all() if one.kind in kinds and kinds[one.kind].manages_hooks]

    def _sync_one(self, connection: Connection, *, anew: bool = False) -> SyncReport:
        """anew: none that is there will do."""
        assert connection.id is not None
        kind = self._registry.kinds[connection.kind]
        wanted = kind.hook_topics(self.topics_on(connection.id))
        known = self._kept(connection.id)
        report = SyncReport(connection.name, self.address(connection), tuple(sorted(wanted)))
        if not wanted and not known:
            return report
        try:
            return self._brought_in_line(connection, kind, report, known, anew=anew)
        except AutomationError as error:
            _log.warning("subscriptions.sync_failed", connection=connection.name, kind=error.kind)
            forbidden = isinstance(error, RejectedError) and error.code == FORBIDDEN
            return replace(report, problem=error.message, by_hand=report.wanted if forbidden else ())

    def _brought_in_line(
        self, connection: Connection, kind: ConnectionKind, report: SyncReport, known: set[str], *, anew: bool
    ) -> SyncReport:
        assert connection.id is not None
        wanted = frozenset(report.wanted)
        opened = self._connections.open_anew(connection.id)
        client = self._connections.client(connection.id)
        there = kind.list_hooks(client, report.address)
        ours = [hook for hook in there if hook.ours]
        present = {} if anew else {hook.topic: hook.remote_id for hook in ours if hook.active}
        added: dict[str, str] = {}
        for topic in sorted(wanted - set(present)):
            basic = (opened.hook_user, opened.hook_password)
            added[topic] = kind.add_hook(client, topic, report.address, basic)
            self._keep(connection.id, {**present, **added}, wanted)
        gone = [
            hook for hook in ours if hook.topic not in wanted or present.get(hook.topic) != hook.remote_id
        ]
        for hook in gone:
            kind.remove_hook(client, hook.remote_id)
        self._keep(connection.id, {**present, **added}, wanted)
        return replace(
            report,
            adopted=tuple(sorted(topic for topic in present if topic in wanted and topic not in known)),
            added=tuple(sorted(added)),
            removed=tuple(sorted({hook.topic for hook in gone} - wanted)),
            warning=_nearly_full(kind, len(there) + len(added) - len(gone)),
        )

    def topics_on(self, connection_id: int) -> frozenset[str]:
        """Return the topics that the recipes which are on wait for, each as its trigger is narrowed."""
        with self._database.read() as session:
            found = session.exec(
                select(Recipe.trigger_key, RecipeVersion.definition)
                .join(RecipeVersion, col(RecipeVersion.id) == col(Recipe.published_version_id))
                .where(col(Recipe.trigger_connection_id) == connection_id, col(Recipe.enabled).is_(True))
            ).all()
        topics: set[str] = set()
        for key, definition in found:
            trigger = self._registry.triggers.get(key or "")
            if trigger is not None:
                topics.update(_topics_of(trigger, definition))
        return frozenset(topics)

    def _kept(self, connection_id: int) -> set[str]:
        with self._database.read() as session:
            return set(
                session.exec(
                    select(Subscription.topic).where(col(Subscription.connection_id) == connection_id)
                )
            )

    def _keep(self, connection_id: int, present: dict[str, str], wanted: frozenset[str]) -> None:
        now = self._clock.now()
        with self._database.write() as session:
            rows = {
                row.topic: row
                for row in session.exec(
                    select(Subscription).where(col(Subscription.connection_id) == connection_id)
                )
            }
            for topic, row in rows.items():
                if topic not in wanted or topic not in present:
                    session.delete(row)
            for topic, remote_id in present.items():
                if topic not in wanted:
                    continue
                row = rows.get(topic) or Subscription(
                    connection_id=connection_id,
                    topic=topic,
                    remote_id=remote_id,
                    created_at=now,
                    checked_at=now,
                )
                row.remote_id, row.checked_at = remote_id, now
                session.add(row)


def _topics_of(trigger: type[Trigger], definition: Mapping[str, Any]) -> tuple[str, ...]:
    given = (definition.get("trigger") or {}).get("fields") or {}
    try:
        return trigger().looks_at(trigger.Fields.model_validate(given))
    except ValidationError:
        # The recipe is broken and says so elsewhere; what it needs is then not less than its trigger does.
        return trigger.topics


def _nearly_full(kind: ConnectionKind, there: int) -> str:
    most = kind.hooks_at_most
    if most is None or there < most * NEARLY_FULL:
        return ""
    return (
        f"{kind.title} lists {there} webhooks, and one user may have {most}. Remove those that nothing uses there, "
        "before a new recipe finds no room."
    )
