"""A connection gets another name, and everything that knows it by its name learns the new one."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from automations.engine.catalog import new_generation
from automations.engine.connection_settings import check_name
from automations.engine.registry import nearest
from automations.errors import InputError, NotFoundError
from automations.model.connection import Connection
from automations.model.recipe import RecipeVersion
from automations.model.sealing import Sealer


def rename(session: Session, sealer: Sealer, old: str, new: str, now: datetime) -> Connection:
    """Rename a connection within the caller's transaction; return its row.

    Every version of every recipe is changed with it, the earlier ones too: runs under way and replays still go
    through those. What an author wrote into a template or a condition stays as it is. The inbound address, its
    password, write keys and the history belong to the connection and not to its name.
    Raises NotFoundError; InputError when the new name cannot be taken.
    """
    row = session.exec(select(Connection).where(col(Connection.name) == old).with_for_update()).first()
    if row is None:
        near = nearest(old, session.exec(select(Connection.name)))
        raise NotFoundError(
            f"There is no connection named {old!r}." + (f" Did you mean {near!r}?" if near else "")
        )
    check_name(new)
    if new == old:
        return row
    if session.exec(select(Connection.id).where(col(Connection.name) == new)).first() is not None:
        raise InputError(f"There is a connection named {new!r} already. Choose another name.")
    # Secrets are bound to the name that they were sealed with.
    row.sealed = sealer.seal(new, dict(sealer.open(old, row.sealed))) if row.sealed else ""
    row.name, row.updated_at = new, now
    session.add(row)
    for version in session.exec(select(RecipeVersion)):
        if old in connections_named(version.definition):
            version.definition = _with_another_name(version.definition, old, new)
            session.add(version)
    new_generation(session)
    return row


def connections_named(definition: Mapping[str, Any]) -> set[str]:
    """Return the connections that a recipe's file names, also of a draft that is half written."""
    return {str(part.get("connection", "")) for part in _parts(definition)}


def _with_another_name(definition: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    changed = deepcopy(dict(definition))
    for part in _parts(changed):
        if part.get("connection") == old:
            part["connection"] = new
    return changed


def _parts(definition: Mapping[str, Any]) -> list[Any]:
    steps = definition.get("steps")
    parts = [definition.get("trigger"), *(steps if isinstance(steps, list) else [])]
    return [part for part in parts if isinstance(part, dict)]
