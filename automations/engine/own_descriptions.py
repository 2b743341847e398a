"""Descriptions of products that people write here: kept in the database, or as files in the instance folder."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from threading import Lock

from sqlmodel import Session, col, select

from automations.clock import Clock
from automations.engine.catalog import new_generation
from automations.engine.connections import Connections
from automations.engine.contracts import DescribedKind, Description
from automations.engine.registry import Registry, nearest
from automations.errors import AutomationError, CredentialsError, InputError, NotFoundError
from automations.model.connection import Connection
from automations.model.database import Database
from automations.model.description import OwnDescription

FRESH_S = 1.0


class OwnDescriptions:
    """Thread-safe. instance: files stand in a folder of it that is named after the kind (`targets/*.yaml`)."""

    def __init__(
        self, database: Database, registry: Registry, connections: Connections, clock: Clock, instance: Path
    ) -> None:
        self._database = database
        self._registry = registry
        self._connections = connections
        self._clock = clock
        self._instance = instance
        self._known: dict[str, tuple[float, Mapping[str, str]]] = {}
        self._lock = Lock()

    def bring(self) -> None:
        """Let every kind that has descriptions know those of this installation."""
        for kind in self.kinds():
            kind.bring(partial(self.texts, kind.kind))

    def kinds(self) -> list[DescribedKind]:
        """Return the kinds whose products are described."""
        return [kind for kind in self._registry.kinds.values() if isinstance(kind, DescribedKind)]

    def kind(self, name: str) -> DescribedKind:
        """Raises NotFoundError."""
        for kind in self.kinds():
            if kind.kind == name:
                return kind
        raise NotFoundError(f"Connections of the kind {name!r} are not described.")

    def texts(self, kind: str) -> Mapping[str, str]:
        """Return the own texts of a kind by name, as they stood at most a second ago; a kept one hides a file."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            known = self._known.get(kind)
        if known is not None and now_s - known[0] < FRESH_S:
            return known[1]
        with self._database.read() as session:
            rows = session.exec(select(OwnDescription).where(col(OwnDescription.kind) == kind)).all()
        found = {**self._files(kind), **{row.name: row.text for row in rows}}
        with self._lock:
            self._known[kind] = (now_s, found)
        return found

    def _files(self, kind: str) -> dict[str, str]:
        folder = self._instance / f"{kind}s"
        if not folder.is_dir():
            return {}
        return {path.stem: path.read_text("utf-8", "replace") for path in sorted(folder.glob("[!._]*.yaml"))}

    def keep(self, kind_name: str, text: str, *, file: str = "") -> Description:
        """Check a text and keep it; connections that use it go on with it.

        Raises RecipeProblems with all that is wrong, and InputError when its name is taken by a shipped one or a
        connection could not use it any more.
        """
        kind = self.kind(kind_name)
        made = kind.read_description(text, file=file)
        if not made.own:
            raise InputError(
                f"{made.name!r} comes with the app and cannot be changed. Give yours another name.",
                code="taken",
            )
        before = self._write(kind, made.name, text)
        for row in self._users_of(kind, made.name):
            try:
                self._connections.open_anew(row.id or 0)
            except CredentialsError:
                continue
            except AutomationError as error:
                self._write(kind, made.name, before)
                raise InputError(
                    f"The connection {row.name!r} could not use it any more: {error.message} Nothing was changed.",
                    code="in_use",
                ) from error
        return made

    def remove(self, kind_name: str, name: str) -> None:
        """Forget a text that no connection uses. Raises NotFoundError, InputError."""
        kind = self.kind(kind_name)
        users = [row.name for row in self._users_of(kind, name)]
        if users:
            raise InputError(f"{name!r} is used by {', '.join(users)}. Remove these connections first.")
        with self._database.read() as session:
            known = session.get(OwnDescription, (kind_name, name)) is not None
        if not known:
            near = nearest(name, self.texts(kind_name))
            hint = f" Did you mean {near!r}?" if near else " Those that come with the app stay."
            raise NotFoundError(f"There is no description of your own named {name!r}.{hint}")
        self._write(kind, name, None)

    def _write(self, kind: DescribedKind, name: str, text: str | None) -> str | None:
        """Store a text, or forget it; return what stood there before."""
        now = self._clock.now()
        with self._database.write() as session:
            row = session.get(OwnDescription, (kind.kind, name))
            before = row.text if row is not None else None
            if text is None:
                if row is not None:
                    session.delete(row)
            else:
                row = row or OwnDescription(
                    kind=kind.kind, name=name, text=text, created_at=now, updated_at=now
                )
                row.text, row.updated_at = text, now
                session.add(row)
            self._touch_users(session, kind, name)
            new_generation(session)
        with self._lock:
            self._known.pop(kind.kind, None)
        return before

    def _touch_users(self, session: Session, kind: DescribedKind, name: str) -> None:
        """Let every worker open the connections anew that use a text."""
        for row in session.exec(select(Connection).where(col(Connection.kind) == kind.kind)):
            if row.settings.get(kind.setting) == name:
                row.updated_at = self._clock.now()
                session.add(row)

    def _users_of(self, kind: DescribedKind, name: str) -> list[Connection]:
        return [
            row
            for row in self._connections.all()
            if row.kind == kind.kind and row.settings.get(kind.setting) == name
        ]
