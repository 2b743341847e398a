"""Remote webhooks kept as the published recipes need them: one a connection and topic, shared by all recipes."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from sqlmodel import col, select

from automations.clock import Clock
from automations.engine.connections import Connections
from automations.engine.registry import Registry
from automations.errors import AutomationError
from automations.model.connection import Connection, Subscription
from automations.model.database import Database
from automations.model.recipe import Recipe

_log = structlog.get_logger("subscriptions")


@dataclass(frozen=True)
class SyncReport:
    """What one look at one connection found and did; topics in the connector's words. problem: why it stopped."""

    connection: str
    address: str
    wanted: tuple[str, ...] = ()
    adopted: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    problem: str = ""


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
        reports = []
        for connection in self._connections.all():
            kind = self._registry.kinds.get(connection.kind)
            if kind is not None and kind.manages_hooks and name in (None, connection.name):
                reports.append(self._sync_one(connection))
        return reports

    def mend(self) -> None:
        """Look after every remote webhook; what cannot be mended now is logged and looked at again."""
        for report in self.sync():
            if report.added or report.removed or report.problem:
                _log.info(
                    "subscriptions.mended",
                    connection=report.connection,
                    added=report.added,
                    removed=report.removed,
                    problem=report.problem,
                )

    def _sync_one(self, connection: Connection) -> SyncReport:
        assert connection.id is not None
        kind = self._registry.kinds[connection.kind]
        address = self.address(connection)
        wanted = kind.hook_topics(self._triggers_on(connection.id))
        try:
            opened = self._connections.open(connection.id)
            client = self._connections.client(connection.id)
            ours = (
                [hook for hook in kind.list_hooks(client, address) if hook.ours]
                if wanted or self._kept(connection.id)
                else []
            )
            present = {hook.topic: hook.remote_id for hook in ours if hook.active}
            known = self._kept(connection.id)
            added = {}
            for topic in sorted(wanted - set(present)):
                added[topic] = kind.add_hook(client, topic, address, (opened.hook_user, opened.hook_password))
                self._keep(connection.id, {**present, **added}, wanted)
            for hook in ours:
                if hook.topic not in wanted or not hook.active or present.get(hook.topic) != hook.remote_id:
                    kind.remove_hook(client, hook.remote_id)
            self._keep(connection.id, {**present, **added}, wanted)
        except AutomationError as error:
            _log.warning("subscriptions.sync_failed", connection=connection.name, kind=error.kind)
            return SyncReport(connection.name, address, tuple(sorted(wanted)), problem=error.message)
        return SyncReport(
            connection.name,
            address,
            wanted=tuple(sorted(wanted)),
            adopted=tuple(sorted(topic for topic in present if topic in wanted and topic not in known)),
            added=tuple(sorted(added)),
            removed=tuple(sorted({hook.topic for hook in ours} - wanted)),
        )

    def _triggers_on(self, connection_id: int) -> list[type]:
        with self._database.read() as session:
            keys = session.exec(
                select(Recipe.trigger_key)
                .where(col(Recipe.trigger_connection_id) == connection_id, col(Recipe.enabled).is_(True))
                .distinct()
            ).all()
        return [self._registry.triggers[key] for key in keys if key and key in self._registry.triggers]

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
