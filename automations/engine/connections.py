"""Connections: saved, paused, tested, used, removed."""

from __future__ import annotations

import secrets as random_secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import delete
from sqlmodel import col, select

from automations.clock import Clock
from automations.engine import references, signals
from automations.engine.account_memory import LEFT_TO_LIVE, ReadOnlyMemory, SparingMemory, StoredMemory
from automations.engine.authorized_door import AuthorizedDoor
from automations.engine.catalog import new_generation
from automations.engine.connection_settings import KEPT as KEPT
from automations.engine.connection_settings import asks_for_permission, check_name, merged, table_of
from automations.engine.connection_settings import parse_settings as parse_settings
from automations.engine.contracts import (
    BudgetLeft,
    ConnectionReport,
    DirectoryLike,
    DoorLike,
    DoorMode,
    Fence,
    JsonObject,
)
from automations.engine.footprints import Author, Footprints
from automations.engine.grants import NOT_YET, SEALED_AS, Grants, TokenCalls
from automations.engine.held_runs import turned
from automations.engine.opened_connections import OpenedConnection as OpenedConnection
from automations.engine.opened_connections import OpenedConnections
from automations.engine.registry import Registry, nearest
from automations.engine.renaming import connections_named
from automations.engine.signed_memory import SignedMemory
from automations.errors import AutomationError, CredentialsError, InputError, NotFoundError
from automations.model.connection import Connection, Directory, Identity, Subscription
from automations.model.database import Database
from automations.model.guards import Breaker
from automations.model.history import Event, Run
from automations.model.recipe import Recipe, RecipeVersion, Sample
from automations.model.sealing import Sealer
from automations.model.states import ConnectionState

ASK_AGAIN_S = 60.0

OpenDoor = Callable[[str, DoorMode, Sequence[str], frozenset[str] | None, Fence | None], DoorLike]


class Connections(OpenedConnections):
    """Everything about saved accounts. Thread-safe."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        sealer: Sealer,
        clock: Clock,
        open_door: OpenDoor,
        token_calls: TokenCalls,
    ) -> None:
        super().__init__(database, registry, sealer, clock)
        self._open_door = open_door
        self.grants = Grants(self, clock, token_calls)
        self._ask_again_s: dict[tuple[int, str], float] = {}
        self._directories: dict[int, StoredMemory] = {}
        self.worker = ""
        self._footprints = Footprints(database, clock)

    # -- keeping

    def save(self, kind: str, name: str, given: Mapping[str, Any], *, may_refer: bool = False) -> Connection:
        """Make the connection `name` or change it; what is not given stays as it is.

        given: setting -> value; an empty text removes the value; `KEPT` leaves a secret alone. A `write_key` or
        `hook_password` may be given where the kind has one. Changing the host drops the secrets that are not
        given with it, so that nobody can have a stored secret sent elsewhere.
        may_refer: `env:NAME` may be given for a value that is read from the environment at use. Only for who
        already rules this machine: anybody else could have its environment sent to a host of their own.
        Raises InputError naming the setting, what is wrong and what is wanted.
        """
        found_kind = self._registry.kinds.get(kind)
        if found_kind is None:
            near = nearest(kind, self._registry.kinds)
            raise InputError(
                f"There is no kind {kind!r} of connection." + (f" Did you mean {near!r}?" if near else "")
            )
        check_name(name)
        with self._database.write() as session:
            found = session.exec(select(Connection).where(col(Connection.name) == name).with_for_update())
            row = found.first()
            if row is not None and row.kind != kind:
                raise InputError(f"{name!r} exists and is a {row.kind} connection. Choose another name.")
            old = self._values_of(row) if row else {}
            if not may_refer:
                references.refuse_new(given, row.settings if row else {})
            values, inbound = merged(found_kind, old, given)
            now = self._clock.now()
            if row is None:
                row = Connection(name=name, kind=kind, created_at=now, updated_at=now)
                new_generation(session)
            secret_names = table_of(found_kind, old, given).secret_names()
            row.settings = {key: value for key, value in values.items() if key not in secret_names}
            sealed = {key: str(value) for key, value in values.items() if key in secret_names}
            row.hook_token = row.hook_token or (
                random_secrets.token_urlsafe(24) if found_kind.receives else None
            )
            row.sealed = self._sealer.seal(name, {**sealed, **inbound})
            row.state, row.state_reason, row.updated_at = ConnectionState.OK, "", now
            if SEALED_AS not in inbound and asks_for_permission(found_kind, values):
                row.state, row.state_reason = ConnectionState.PAUSED, NOT_YET
            session.add(row)
            session.flush()
            _release_work(session, row.id or 0)
        self._opened.pop(row.id or 0, None)
        return row

    def remove(self, name: str) -> None:
        """Delete a connection that no recipe uses, and give its permission back.

        Raises InputError naming the recipes that use it.
        """
        opened = self._opened_if_whole(name)
        with self._database.write() as session:
            row = session.exec(select(Connection).where(col(Connection.name) == name)).first()
            if row is None:
                raise NotFoundError(f"There is no connection named {name!r}.")
            users = [
                recipe.name for recipe in session.exec(select(Recipe)) if self._uses(session, recipe, row)
            ]
            if users:
                raise InputError(
                    f"{name!r} is used by {', '.join(users)}. Change or remove these recipes first."
                )
            here = [row.id, turned(row.id or 0)]
            if any(
                session.exec(select(table.id).where(col(table.connection_id).in_(here)).limit(1)).first()
                for table in (Event, Run)
            ):
                raise InputError(
                    f"{name!r} has events in the history, which is kept for as many days as AUTOMATIONS_RETENTION_DAYS "
                    "says. Switch off what sends to it and remove it then."
                )
            for table in (Directory, Identity, Subscription, Sample):
                session.execute(delete(table).where(col(table.connection_id) == row.id))
            session.delete(row)
        if opened is not None:
            self.grants.revoke_quietly(opened)

    def _opened_if_whole(self, name: str) -> OpenedConnection | None:
        """Return it opened, or None where its settings cannot be read any more."""
        try:
            return self.open(self.get(name).id or 0)
        except AutomationError:
            return None

    def _uses(self, session: Any, recipe: Recipe, row: Connection) -> bool:
        if recipe.trigger_connection_id == row.id:
            return True
        versions = session.exec(
            select(RecipeVersion).where(
                col(RecipeVersion.recipe_id) == recipe.id,
                col(RecipeVersion.state).in_(("draft", "published")),
            )
        )
        return any(row.name in connections_named(version.definition) for version in versions)

    def pause(self, connection_id: int, reason: str) -> None:
        """Hold everything of this connection until its owner mends it; said once."""
        with self._database.write() as session:
            row = session.get(Connection, connection_id)
            if row is None or row.state == ConnectionState.PAUSED:
                return
            row.state, row.state_reason = ConnectionState.PAUSED, reason
            session.add(row)
        self._opened.pop(connection_id, None)
        signals.tell("connection-paused", connection_id=connection_id, name=row.name, reason=reason)

    def hold(self, connection_id: int, until: datetime) -> None:
        """Let nothing of this connection leave before `until`; a later time that is set already stays."""
        with self._database.write() as session:
            row = session.get(Connection, connection_id)
            if row is not None and (row.hold_until is None or row.hold_until < until):
                row.hold_until = until
                session.add(row)

    def hook_refused(self, connection_id: int) -> None:
        """Note that somebody called the inbound address with wrong credentials."""
        with self._database.write() as session:
            row = session.get(Connection, connection_id)
            if row is not None:
                row.refused_hooks += 1
                row.refused_hook_at = self._clock.now()
                session.add(row)
        signals.tell("hook-refused", connection_id=connection_id)

    # -- using

    def directory(self, connection_id: int) -> StoredMemory:
        return self._directories.setdefault(
            connection_id, StoredMemory(self._database, self._clock, connection_id, self.worker)
        )

    def renew_holds(self) -> None:
        """Keep what calls under way hold for themselves in their accounts. Raises StorageUnavailableError."""
        for memory in list(self._directories.values()):
            memory.renew_holds()

    def door(
        self, opened: OpenedConnection, mode: DoorMode = DoorMode.LIVE, fence: Fence | None = None
    ) -> DoorLike:
        hosts = opened.kind.hosts(opened.settings)
        door = self._open_door(opened.name, mode, opened.secrets, hosts, fence)
        if opened.oauth is None:
            return door
        held = opened.grant.access_token if opened.grant else ""
        return AuthorizedDoor(door, mode, partial(self.grants.access_token, opened.id), held)

    def client(
        self,
        connection_id: int,
        door: DoorLike | None = None,
        mode: DoorMode = DoorMode.LIVE,
        *,
        can_wait: bool = False,
        author: Author | None = None,
    ) -> Any:
        """Return the kind's client, going out by `door` or by a live one; a test's client remembers nothing.

        can_wait: it works for a backfill, which leaves a part of every budget to what just happened. author: who
        signs what it writes; without one, nothing written is known again.
        """
        opened = self.open(connection_id)
        stored = self.directory(connection_id)
        memory: DirectoryLike = SparingMemory(stored) if can_wait else stored
        if author is not None:
            spare = LEFT_TO_LIVE if can_wait else 0.0
            memory = SignedMemory(stored, self._footprints, connection_id, author, spare)
        if mode != DoorMode.LIVE:
            memory = ReadOnlyMemory(memory)
        return opened.kind.client(opened.settings, door or self.door(opened), memory)

    def budgets(self, connection_id: int) -> list[BudgetLeft]:
        """Return what is left of the account's budgets, those whose limit is known."""
        row = self.by_id(connection_id)
        memory = self.directory(connection_id)
        found = [memory.left(pool) for pool in self.pools(row)]
        return [one for one in found if one is not None]

    def offered(self, connection_id: int, name: str) -> list[JsonObject]:
        """Return the entries of a list of the account that a form offers, fetched at first use.

        Where the account cannot be asked just now the list is empty, and asked for again a minute later.
        """
        memory = self.directory(connection_id)
        found = memory.get(name)
        now_s = self._clock.monotonic_s()
        if found is None and now_s >= self._ask_again_s.get((connection_id, name), 0.0):
            self._ask_again_s[connection_id, name] = now_s + ASK_AGAIN_S
            try:
                found = self.open(connection_id).kind.fetch_list(name, self.client(connection_id))
            except AutomationError:
                found = None
        return [entry for entry in found or [] if isinstance(entry, dict)]

    def test(self, name: str) -> ConnectionReport:
        """Try the account and note what was found. Raises CredentialsError, DeliveryError."""
        row = self.get(name)
        report: JsonObject
        opened = self.open(row.id or 0)
        try:
            found = opened.kind.test(self.client(row.id or 0))
        except AutomationError as error:
            state = ConnectionState.PAUSED if isinstance(error, CredentialsError) else row.state
            self._note_test(
                row.id or 0, {"ok": False, "summary": error.message, "facts": {}}, state, error.message
            )
            raise
        report = {"ok": True, "summary": found.summary, "facts": dict(found.facts)}
        self._note_test(row.id or 0, report, ConnectionState.OK, "")
        return found

    def _note_test(self, connection_id: int, report: JsonObject, state: ConnectionState, reason: str) -> None:
        with self._database.write() as session:
            row = session.get(Connection, connection_id)
            if row is None:
                return
            row.tested_at, row.test_report = self._clock.now(), report
            if row.state != ConnectionState.STOPPED:
                row.state = state
                row.state_reason = reason if state == ConnectionState.PAUSED else ""
            session.add(row)
            if state == ConnectionState.OK:
                row.hold_until = None
                _release_work(session, connection_id)


def _release_work(session: Any, connection_id: int) -> None:
    """Let what waits for this connection go on; claims leave out paused connections, so nothing else is due."""
    row = session.get(Connection, connection_id)
    if row is not None:
        row.hold_until = None
        session.add(row)
        session.execute(delete(Breaker).where(col(Breaker.connection_id) == connection_id))
