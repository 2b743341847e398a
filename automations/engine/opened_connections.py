"""Connections looked at and opened: the only place where their secrets are readable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from automations.clock import Clock
from automations.engine import references
from automations.engine.connection_settings import BEFORE, KEPT, UNTIL, parse_settings
from automations.engine.contracts import ConnectionKind, JsonObject, OAuth, Pool
from automations.engine.grants import SEALED_AS, Grant
from automations.engine.masking import Masker
from automations.engine.registry import Registry, nearest
from automations.engine.renaming import rename
from automations.errors import AutomationError, NotFoundError, RejectedError
from automations.model.columns import micros
from automations.model.connection import Connection
from automations.model.database import Database
from automations.model.sealing import Sealer
from automations.model.states import ConnectionState

FRESH_S = 1.0


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
    password_before: str = field(default="", repr=False)
    before_until_us: int | None = None

    def hook_passwords(self, now: datetime) -> tuple[str, ...]:
        """Return what the inbound address takes now: after a rotation, for a while also the password before."""
        over = self.before_until_us is not None and micros(now) >= self.before_until_us
        before = (self.password_before,) if self.password_before and not over else ()
        return (self.hook_password, *before)


class OpenedConnections:
    """Finds saved accounts and opens them. Thread-safe."""

    def __init__(self, database: Database, registry: Registry, sealer: Sealer, clock: Clock) -> None:
        self._database = database
        self._registry = registry
        self._sealer = sealer
        self._clock = clock
        self._opened: dict[int, tuple[object, OpenedConnection, float]] = {}

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
        self._opened.pop(connection_id, None)
        return self.open(connection_id)

    @contextmanager
    def changing(self, connection_id: int) -> Iterator[tuple[Connection, dict[str, str]]]:
        """Yield the row and its opened secrets; both are stored as they are when the block ends."""
        with self._database.write() as session:
            row = session.get(Connection, connection_id, with_for_update=True)
            if row is None:
                raise NotFoundError(f"Connection {connection_id} is gone.")
            sealed = dict(self._sealer.open(row.name, row.sealed)) if row.sealed else {}
            yield row, sealed
            row.sealed, row.updated_at = self._sealer.seal(row.name, sealed), self._clock.now()
            session.add(row)
        self._opened.pop(connection_id, None)

    def rename(self, old: str, new: str) -> Connection:
        """Give a connection another name; recipes that use it follow in the same transaction.

        Raises NotFoundError; InputError when the new name cannot be taken.
        """
        with self._database.write() as session:
            row = rename(session, self._sealer, old, new, self._clock.now())
        self._opened.pop(row.id or 0, None)
        return row

    def _opened_from(self, row: Connection) -> OpenedConnection:
        kind = self._registry.kinds.get(row.kind)
        if kind is None:
            raise RejectedError(
                f"The connector {row.kind!r} of {row.name!r} is not installed any more. Install it again."
            )
        values = references.resolved(self._values_of(row), row.name)
        table = kind.settings_table(values)
        own = {key: value for key, value in values.items() if key in table.model_fields}
        secret = tuple(
            str(v)
            for k, v in values.items()
            if k in table.secret_names() or k in ("hook_password", BEFORE, "write_key")
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
            password_before=str(values.get(BEFORE, "")),
            before_until_us=int(values[UNTIL]) if UNTIL in values else None,
            write_key=str(values.get("write_key", "")),
            state=row.state,
            state_reason=row.state_reason,
            oauth=kind.oauth(settings),
            grant=grant,
        )

    def pools(self, row: Connection) -> Sequence[Pool]:
        """Return the budgets that an account's calls are paid from, as far as its settings can be read."""
        kind = self._registry.kinds.get(row.kind)
        try:
            return kind.budgets_of(self.open(row.id or 0).settings) if kind else ()
        except AutomationError:
            return kind.budgets if kind else ()

    def reveal(self, name: str) -> JsonObject:
        """Return every setting in clear, for the command that asks for it by name. Tokens stay sealed."""
        return _without_inner(self._values_of(self.get(name)))

    def shown(self, row: Connection) -> JsonObject:
        """Return the settings for a page or list: secrets as their last four characters at most."""
        # What is sealed stays hidden, also when nothing is left that says what it was.
        hidden = (self._sealed_of(row).keys() | {"hook_password", "write_key"}) - {"hook_user"}
        values = _without_inner(self._values_of(row))
        return {key: (_masked(str(value)) if key in hidden else value) for key, value in values.items()}

    def masker(self) -> Masker:
        """Return a masker that knows every stored secret."""
        return Masker([secret for row in self.all() for secret in self._secrets_of(row)])

    def _secrets_of(self, row: Connection) -> tuple[str, ...]:
        try:
            return self.open(row.id or 0).secrets
        except AutomationError:
            # Its connector or a variable that it reads is gone; what is sealed is known all the same.
            return tuple(self._sealer.open(row.name, row.sealed).values()) if row.sealed else ()

    def _values_of(self, row: Connection) -> dict[str, Any]:
        return {**row.settings, **self._sealed_of(row)}

    def _sealed_of(self, row: Connection) -> Mapping[str, str]:
        return self._sealer.open(row.name, row.sealed) if row.sealed else {}


def _without_inner(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in (SEALED_AS, BEFORE, UNTIL)}


def _masked(value: str) -> str:
    return KEPT + value[-4:] if len(value) >= 12 else KEPT
