"""What a person gives to connect an account: laid over what is stored, and checked."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from automations.engine import references
from automations.engine.contracts import ConnectionKind, ConnectionSettings
from automations.engine.grants import SEALED_AS
from automations.engine.registry import nearest
from automations.errors import InputError

NAME_MAX = 200
# A password that a rotation replaced, and until when it is taken besides the new one (microseconds since 1970).
BEFORE, UNTIL = "hook_password_before", "hook_password_until"
KEPT = "•••"  #: what a form shows for a secret that is stored; sent back it means "leave as it is"


def check_name(name: str) -> None:
    """Raise InputError when a connection cannot have this name."""
    if not name or len(name) > NAME_MAX or not name.isprintable() or name != name.strip():
        raise InputError(
            "A connection needs a name of 1 to 200 printable characters without blanks around it."
        )


def table_of(
    kind: ConnectionKind, old: Mapping[str, Any], given: Mapping[str, Any]
) -> type[ConnectionSettings]:
    """Return the table of what is given laid over what is stored. Raises InputError where it cannot be told."""
    laid = {**old, **{key: value for key, value in given.items() if value != KEPT}}
    return kind.settings_table(references.read(laid)[0])


def known_table(kind: ConnectionKind, values: Mapping[str, Any]) -> type[ConnectionSettings]:
    """Return the table of stored values, or the kind's own where their table is gone."""
    try:
        return kind.settings_table(references.read(values)[0])
    except InputError:
        return kind.Settings


def merged(
    kind: ConnectionKind, old: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return (settings, what is sealed beside them): what is stored with what is given laid over it.

    given: setting -> value; an empty text removes the value; `KEPT` leaves a secret alone.
    Raises InputError naming the setting, what is wrong and what is wanted.
    """
    table = table_of(kind, old, given)
    own = set(table.model_fields)
    inbound_names = {"write_key", "hook_user", "hook_password"} - own
    for key in given:
        if key not in own and not (kind.receives and key in inbound_names):
            near = nearest(key, own)
            hint = f" Did you mean {near!r}?" if near else f" It has: {', '.join(sorted(own)) or 'none'}."
            raise InputError(f"{kind.title} has no setting {key!r}.{hint}")
    kept = {key: value for key, value in old.items() if key in own}
    fresh = {key: value for key, value in given.items() if key in own and value != KEPT}
    if _host_changes(kind, kept, fresh):
        kept = {key: value for key, value in kept.items() if key not in table.secret_names()}
    merged = {key: value for key, value in {**kept, **fresh}.items() if value not in (None, "")}
    readable, unset = references.read(merged)
    settings = parse_settings(kind, readable, unknown=unset)
    values = settings.model_dump(mode="json", exclude_none=True) if settings else dict(merged)
    values |= references.among(merged)
    return values, _inbound(kind, old, given, values)


def _inbound(
    kind: ConnectionKind, old: Mapping[str, Any], given: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, str]:
    """Return what senders must know, made where there is none yet, and the permission that still fits."""
    inbound: dict[str, str] = {}
    if SEALED_AS in old and _same_permission(kind, old, values):
        inbound[SEALED_AS] = str(old[SEALED_AS])
    if kind.receives:
        inbound |= {
            "hook_user": str(given.get("hook_user") or old.get("hook_user") or "automations"),
            "hook_password": str(
                given.get("hook_password") or old.get("hook_password") or secrets.token_urlsafe(24)
            ),
        }
        inbound |= {key: str(old[key]) for key in (BEFORE, UNTIL) if key in old}
        if kind.write_key_paths or "write_key" in old or "write_key" in given:
            inbound["write_key"] = str(
                given.get("write_key") or old.get("write_key") or secrets.token_urlsafe(24)
            )
    return inbound


def _host_changes(kind: ConnectionKind, old: Mapping[str, Any], fresh: Mapping[str, Any]) -> bool:
    if not old:
        return False
    # An emptied setting falls back to its default, as it will when it is stored.
    new = {key: value for key, value in {**old, **fresh}.items() if value not in (None, "")}
    (earlier, lost), (later, unset) = references.read(old), references.read(new)
    before, after = (parse_settings(kind, v, lenient=True) for v in (earlier, later))
    if before is not None and after is not None:
        return kind.hosts(before) != kind.hosts(after)
    # Where a variable is not set here, the host cannot be told: any change of a plain setting may be one.
    plain = fresh.keys() - known_table(kind, new).secret_names() if lost or unset else ()
    return any(fresh[name] != old.get(name, "") for name in plain)


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
        table = kind.settings_table(values)
    except InputError:
        if lenient:
            return None
        raise
    try:
        return table.model_validate(dict(values))
    except ValidationError as error:
        wrong = [item for item in error.errors() if not (item["loc"] and item["loc"][0] in unknown)]
        if lenient or not wrong:
            return None
        first = wrong[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        info = table.model_fields.get(name)
        title = (info.title if info else None) or name or kind.title
        message = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] == "missing":
            message = "is required; give it"
        raise InputError(f"{title}: {message}.", code=f"setting.{name}" if name else "settings") from error


def asks_for_permission(kind: ConnectionKind, values: Mapping[str, Any]) -> bool:
    """Tell whether these settings need a permission that a person gives on the other side."""
    settings = parse_settings(kind, references.read(values)[0], lenient=True)
    return settings is not None and kind.oauth(settings) is not None


def _same_permission(kind: ConnectionKind, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Tell whether a stored permission still fits: it is for one app at one place."""
    own = {key: value for key, value in old.items() if key in known_table(kind, old).model_fields}
    before, after = (parse_settings(kind, references.read(some)[0], lenient=True) for some in (own, new))
    if before is None or after is None:
        return False
    asked = kind.oauth(after)
    return asked is not None and asked == kind.oauth(before) and kind.hosts(before) == kind.hosts(after)
