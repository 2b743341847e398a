"""Connections: saved, sealed, tested, opened. The only place where secrets are readable."""

from __future__ import annotations

import secrets as random_secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from pydantic import ValidationError
from sqlalchemy import delete, func
from sqlmodel import col, select

from automations.clock import Clock
from automations.engine import references, signals
from automations.engine.account_memory import ReadOnlyMemory, SparingMemory, StoredMemory
from automations.engine.authorized_door import AuthorizedDoor
from automations.engine.contracts import (
    BudgetLeft,
    ConnectionKind,
    ConnectionReport,
    DirectoryLike,
    DoorLike,
    DoorMode,
    JsonObject,
    OAuth,
)
from automations.engine.grants import NOT_YET, SEALED_AS, Grant, Grants, TokenCalls
from automations.engine.masking import Masker
from automations.engine.registry import Registry, nearest
from automations.errors import AutomationError, CredentialsError, InputError, NotFoundError, RejectedError
from automations.model.connection import Connection, Directory, Identity, Subscription
from automations.model.database import Database
from automations.model.history import Run
from automations.model.recipe import Recipe, RecipeVersion, Sample
from automations.model.sealing import Sealer
from automations.model.states import ConnectionState

NAME_MAX = 200
FRESH_S = 1.0
ASK_AGAIN_S = 60.0
KEPT = "•••"  #: what a form shows for a secret that is stored; sent back it means "leave as it is"

OpenDoor = Callable[[str, DoorMode, Sequence[str], frozenset[str] | None], DoorLike]


@dataclass(frozen=True)
class OpenedConnection:
    """A connection with its secrets in memory, for the length of some calls.

    settings: the kind's own `Settings`, secrets included. hook_user, hook_password: empty where it receives
    without them. write_key: what senders at the kind's `write_key_paths` give; empty where there are none.
    oauth: how it asks for permission, None where it needs none; grant: the permission, None while it has none.
    """

    id: int
    name: str
    kind: ConnectionKind
    settings: Any
    secrets: tuple[str, ...]
    hook_token: str
    hook_user: str
    hook_password: str
    write_key: str
    state: ConnectionState
    state_reason: str = ""
    oauth: OAuth | None = None
    grant: Grant | None = None


class Connections:
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
        self._database = database
        self._registry = registry
        self._sealer = sealer
        self._clock = clock
        self._open_door = open_door
        self.grants = Grants(self, database, sealer, clock, token_calls)
        self._opened: dict[int, tuple[object, OpenedConnection, float]] = {}
        self._ask_again_s: dict[tuple[int, str], float] = {}
        self._directories: dict[int, StoredMemory] = {}

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
        _check_name(name)
        with self._database.write() as session:
            row = session.exec(select(Connection).where(col(Connection.name) == name)).first()
            if row is not None and row.kind != kind:
                raise InputError(f"{name!r} exists and is a {row.kind} connection. Choose another name.")
            old = self._values_of(row) if row else {}
            if not may_refer:
                references.refuse_new(given, row.settings if row else {})
            values, inbound = self._merged(found_kind, old, given)
            now = self._clock.now()
            if row is None:
                row = Connection(name=name, kind=kind, created_at=now, updated_at=now)
            secret_names = found_kind.Settings.secret_names()
            row.settings = {key: value for key, value in values.items() if key not in secret_names}
            sealed = {key: str(value) for key, value in values.items() if key in secret_names}
            row.hook_token = row.hook_token or (
                random_secrets.token_urlsafe(24) if found_kind.receives else None
            )
            row.sealed = self._sealer.seal(name, {**sealed, **inbound})
            row.state, row.state_reason, row.updated_at = ConnectionState.OK, "", now
            if SEALED_AS not in inbound and _asks_for_permission(found_kind, values):
                row.state, row.state_reason = ConnectionState.PAUSED, NOT_YET
            session.add(row)
            session.flush()
            _release_work(session, row.id or 0)
        self._opened.pop(row.id or 0, None)
        return row

    def _merged(
        self, kind: ConnectionKind, old: Mapping[str, Any], given: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        own = set(kind.Settings.model_fields)
        inbound_names = {"write_key", "hook_user", "hook_password"} - own
        for key in given:
            if key not in own and not (kind.receives and key in inbound_names):
                near = nearest(key, own)
                hint = f" Did you mean {near!r}?" if near else f" It has: {', '.join(sorted(own)) or 'none'}."
                raise InputError(f"{kind.title} has no setting {key!r}.{hint}")
        kept = {key: value for key, value in old.items() if key in own}
        fresh = {key: value for key, value in given.items() if key in own and value != KEPT}
        if self._host_changes(kind, kept, fresh):
            kept = {key: value for key, value in kept.items() if key not in kind.Settings.secret_names()}
        merged = {key: value for key, value in {**kept, **fresh}.items() if value not in (None, "")}
        readable, unset = references.read(merged)
        settings = parse_settings(kind, readable, unknown=unset)
        values = settings.model_dump(mode="json", exclude_none=True) if settings else dict(merged)
        values |= references.among(merged)
        inbound: dict[str, str] = {}
        if SEALED_AS in old and _same_permission(kind, old, values):
            inbound[SEALED_AS] = str(old[SEALED_AS])
        if kind.receives:
            inbound |= {
                "hook_user": str(given.get("hook_user") or old.get("hook_user") or "automations"),
                "hook_password": str(
                    given.get("hook_password") or old.get("hook_password") or random_secrets.token_urlsafe(24)
                ),
            }
            if kind.write_key_paths or "write_key" in old or "write_key" in given:
                inbound["write_key"] = str(
                    given.get("write_key") or old.get("write_key") or random_secrets.token_urlsafe(24)
                )
        return values, inbound

    def _host_changes(self, kind: ConnectionKind, old: Mapping[str, Any], fresh: Mapping[str, Any]) -> bool:
        if not old:
            return False
        # An emptied setting falls back to its default, as it will when it is stored.
        new = {key: value for key, value in {**old, **fresh}.items() if value not in (None, "")}
        (earlier, lost), (later, unset) = references.read(old), references.read(new)
        before, after = (parse_settings(kind, v, lenient=True) for v in (earlier, later))
        if before is not None and after is not None:
            return kind.hosts(before) != kind.hosts(after)
        # Where a variable is not set here, the host cannot be told: any change of a plain setting may be one.
        plain = fresh.keys() - kind.Settings.secret_names() if lost or unset else ()
        return any(fresh[name] != old.get(name, "") for name in plain)

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
            if session.exec(
                select(func.count()).select_from(Run).where(col(Run.connection_id) == row.id)
            ).first():
                raise InputError(f"{name!r} has runs in the history. Pause it instead of removing it.")
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
        return any(row.name in _connection_names(version.definition) for version in versions)

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

    # -- looking

    def all(self) -> list[Connection]:
        with self._database.read() as session:
            return list(session.exec(select(Connection).order_by(col(Connection.name))))

    def get(self, name: str) -> Connection:
        with self._database.read() as session:
            row = session.exec(select(Connection).where(col(Connection.name) == name)).first()
            if row is None:
                near = nearest(name, session.exec(select(Connection.name)))
                raise NotFoundError(
                    f"There is no connection named {name!r}." + (f" Did you mean {near!r}?" if near else "")
                )
            return row

    def by_id(self, connection_id: int) -> Connection:
        """Raises NotFoundError."""
        with self._database.read() as session:
            row = session.get(Connection, connection_id)
        if row is None:
            raise NotFoundError(f"Connection {connection_id} is gone. Choose another in the recipe.")
        return row

    def open(self, connection_id: int) -> OpenedConnection:
        """Return it with its secrets readable. What another process changes is seen within a second."""
        known = self._opened.get(connection_id)
        now_s = self._clock.monotonic_s()
        if known is not None and now_s - known[2] < FRESH_S:
            return known[1]
        row = self.by_id(connection_id)
        stamp = (row.updated_at, row.state)
        opened = known[1] if known is not None and known[0] == stamp else self._opened_from(row)
        self._opened[connection_id] = (stamp, opened, now_s)
        return opened

    def open_anew(self, connection_id: int) -> OpenedConnection:
        """Return it as it stands in the database now, whatever another process changed a moment ago."""
        self.forget_opened(connection_id)
        return self.open(connection_id)

    def forget_opened(self, connection_id: int) -> None:
        """Read the connection again at its next use."""
        self._opened.pop(connection_id, None)

    def _opened_from(self, row: Connection) -> OpenedConnection:
        kind = self._registry.kinds.get(row.kind)
        if kind is None:
            raise RejectedError(
                f"The connector {row.kind!r} of {row.name!r} is not installed any more. Install it again."
            )
        values = references.resolved(self._values_of(row), row.name)
        own = {key: value for key, value in values.items() if key in kind.Settings.model_fields}
        secret = tuple(
            str(v)
            for k, v in values.items()
            if k in kind.Settings.secret_names() or k in ("hook_password", "write_key")
        )
        settings = parse_settings(kind, own)
        grant = Grant.read(str(values.get(SEALED_AS, "")))
        return OpenedConnection(
            id=row.id or 0,
            name=row.name,
            kind=kind,
            settings=settings,
            secrets=secret + (grant.secrets if grant else ()),
            hook_token=row.hook_token or "",
            hook_user=str(values.get("hook_user", "")),
            hook_password=str(values.get("hook_password", "")),
            write_key=str(values.get("write_key", "")),
            state=row.state,
            state_reason=row.state_reason,
            oauth=kind.oauth(settings),
            grant=grant,
        )

    def reveal(self, name: str) -> JsonObject:
        """Return every setting in clear, for the command that asks for it by name. Tokens stay sealed."""
        return _without_grant(self._values_of(self.get(name)))

    def shown(self, row: Connection) -> JsonObject:
        """Return the settings for a page or list: secrets as their last four characters at most."""
        kind = self._registry.kinds.get(row.kind)
        hidden = (kind.Settings.secret_names() if kind else frozenset()) | {"hook_password", "write_key"}
        values = _without_grant(self._values_of(row))
        return {key: (_masked(str(value)) if key in hidden else value) for key, value in values.items()}

    def masker(self) -> Masker:
        """Return a masker that knows every stored secret."""
        found = [secret for row in self.all() for secret in self.open(row.id or 0).secrets]
        return Masker(found)

    def _values_of(self, row: Connection) -> dict[str, Any]:
        return {**row.settings, **(self._sealer.open(row.name, row.sealed) if row.sealed else {})}

    # -- using

    def directory(self, connection_id: int) -> StoredMemory:
        return self._directories.setdefault(
            connection_id, StoredMemory(self._database, self._clock, connection_id)
        )

    def door(self, opened: OpenedConnection, mode: DoorMode = DoorMode.LIVE) -> DoorLike:
        door = self._open_door(opened.name, mode, opened.secrets, opened.kind.hosts(opened.settings))
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
    ) -> Any:
        """Return the kind's client, going out by `door` or by a live one; a test's client remembers nothing.

        can_wait: it works for a backfill, which leaves a part of every budget to what just happened.
        """
        opened = self.open(connection_id)
        stored = self.directory(connection_id)
        memory: DirectoryLike = SparingMemory(stored) if can_wait else stored
        if mode != DoorMode.LIVE:
            memory = ReadOnlyMemory(memory)
        return opened.kind.client(opened.settings, door or self.door(opened), memory)

    def budgets(self, connection_id: int) -> list[BudgetLeft]:
        """Return what is left of the account's budgets, those whose limit is known."""
        row = self.by_id(connection_id)
        kind = self._registry.kinds.get(row.kind)
        memory = self.directory(connection_id)
        found = [memory.left(pool) for pool in (kind.budgets if kind else ())]
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
            row.state = state
            row.state_reason = reason if state == ConnectionState.PAUSED else ""
            session.add(row)
            if state == ConnectionState.OK:
                row.hold_until = None
                _release_work(session, connection_id)


def parse_settings(
    kind: ConnectionKind,
    values: Mapping[str, Any],
    *,
    lenient: bool = False,
    unknown: frozenset[str] = frozenset(),
) -> Any:
    """Return `values` as the kind's `Settings`. Raises InputError, or returns None where `lenient`.

    unknown: settings whose values cannot be told here; where only these do not fit, None is returned, too.
    """
    try:
        return kind.Settings.model_validate(dict(values))
    except ValidationError as error:
        wrong = [item for item in error.errors() if not (item["loc"] and item["loc"][0] in unknown)]
        if lenient or not wrong:
            return None
        first = wrong[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        info = kind.Settings.model_fields.get(name)
        title = (info.title if info else None) or name or kind.title
        message = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] == "missing":
            message = "is required; give it"
        raise InputError(f"{title}: {message}.", code=f"setting.{name}" if name else "settings") from error


def _asks_for_permission(kind: ConnectionKind, values: Mapping[str, Any]) -> bool:
    settings = parse_settings(kind, references.read(values)[0], lenient=True)
    return settings is not None and kind.oauth(settings) is not None


def _same_permission(kind: ConnectionKind, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Tell whether a stored permission still fits: it is for one app at one place."""
    own = {key: value for key, value in old.items() if key in kind.Settings.model_fields}
    before, after = (parse_settings(kind, references.read(some)[0], lenient=True) for some in (own, new))
    if before is None or after is None:
        return False
    asked = kind.oauth(after)
    return asked is not None and asked == kind.oauth(before) and kind.hosts(before) == kind.hosts(after)


def _without_grant(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != SEALED_AS}


def _check_name(name: str) -> None:
    if not name or len(name) > NAME_MAX or not name.isprintable() or name != name.strip():
        raise InputError(
            "A connection needs a name of 1 to 200 printable characters without blanks around it."
        )


def _masked(value: str) -> str:
    return KEPT + value[-4:] if len(value) >= 12 else KEPT


def _connection_names(definition: Mapping[str, Any]) -> set[str]:
    names = {str((definition.get("trigger") or {}).get("connection", ""))}
    return names | {str(step.get("connection", "")) for step in definition.get("steps") or []}


def _release_work(session: Any, connection_id: int) -> None:
    """Let what waits for this connection go on; claims leave out paused connections, so nothing else is due."""
    row = session.get(Connection, connection_id)
    if row is not None:
        row.hold_until = None
        session.add(row)
