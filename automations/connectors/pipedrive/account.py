"""Names into ids: users, labels, and custom fields with their values, by what the account's lists say.

Where nothing may leave and a list was never fetched, a name stands for itself, so that a test-run still shows
the request that would be made.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from automations.connectors.pipedrive import values
from automations.connectors.pipedrive.field_history import called_before
from automations.connectors.pipedrive.narrowing import same_name, whole_number
from automations.engine.contracts import JsonObject
from automations.errors import FieldsError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient


def wrong(field: str, value: Any, wanted: str) -> FieldsError:
    """Return the error for a value that does not fit: names the field, the value and what was wanted."""
    shown = str(value)[:200]
    return FieldsError(f"{field}: {shown!r} is not {wanted}.", field=field, value=shown, wanted=wanted)


def listed(client: PipedriveClient, list_name: str, wanted: Any) -> list[JsonObject] | None:
    """Return the entries of a list that are called `wanted`, or have that id; None where it cannot be had.

    A text is a name first. The list is fetched again when it has nothing of that name; deleted entries do not
    count.
    """
    for again in (False, True):
        entries = client.lists.fetch(list_name) if again else client.lists.get(list_name)
        if entries is None:
            return None
        usable = [entry for entry in entries if not entry.get("is_deleted")]
        named = (
            [] if isinstance(wanted, int) else [one for one in usable if same_name(one.get("name"), wanted)]
        )
        found = named or [one for one in usable if same_name(one.get("id"), wanted)]
        if found:
            return found
    return []


# -- users ----------------------------------------------------------------------------------------


def user_id(client: PipedriveClient, value: Any) -> Any:
    """Return a user's id, given by id, e-mail or name. Raises ValueError with what was wanted."""
    if isinstance(value, Mapping):
        value = value.get("id")
    number = whole_number(value)
    if number is not None:
        return number
    for again in (False, True):
        entries = client.lists.fetch("users") if again else client.lists.get("users")
        if entries is None:
            return value
        found = _users_called(entries, value)
        if len(found) == 1:
            return found[0]["id"]
        if found:
            names = ", ".join(f"{user['name']} ({user['id']})" for user in found)
            raise ValueError(f"one user: {names} are called so; give the id or e-mail")
    raise ValueError("a user of the account; give the id, e-mail or name of one")


def _users_called(users: list[JsonObject], value: Any) -> list[JsonObject]:
    by_email = [user for user in users if same_name(user.get("email"), value)]
    found = by_email or [user for user in users if same_name(user.get("name"), value)]
    active = [user for user in found if user.get("active_flag") is not False]
    return active or found


def owner_id(client: PipedriveClient, value: Any) -> Any:
    """Return the owner's id. Raises FieldsError."""
    try:
        return user_id(client, value)
    except ValueError as error:
        raise wrong("owner", value, str(error)) from None


# -- labels ---------------------------------------------------------------------------------------


def label_ids(client: PipedriveClient, entity: str, wanted: Any) -> list[Any]:
    """Return the ids of labels given by name or id. Raises FieldsError."""
    options = client.lists.labels(entity)
    found: list[Any] = []
    for one in wanted if isinstance(wanted, list) else [wanted]:
        try:
            found += [one] if options is None else values.as_options(one, options) or []
        except ValueError as error:
            raise wrong("labels", one, str(error)) from None
    return list(dict.fromkeys(found))


# -- custom fields --------------------------------------------------------------------------------


def field_called(client: PipedriveClient, entity: str, name: str) -> JsonObject | None:
    """Return the definition of a custom field by its key or label; None where the list cannot be had.

    The list is fetched again when it does not have the name. Raises FieldsError when there is no such field,
    or several of that label.
    """
    known: list[JsonObject] = []
    for again in (False, True):
        entries = client.lists.fields(entity, again=again)
        if entries is None:
            return None
        known = [entry for entry in entries if entry["is_custom"]]
        found = [entry for entry in known if entry["id"] == name]
        found = found or [entry for entry in known if same_name(entry["name"], name)]
        # Asked again, it is not new; it may have been called so before.
        found = found or (called_before(name, known) if again else [])
        if len(found) == 1:
            return found[0]
        if found:
            keys = ", ".join(str(entry["id"]) for entry in found)
            raise wrong(
                "custom_fields", name, f"one custom field: several have this label; use a key ({keys})"
            )
    labels = [str(entry["name"]) for entry in known]
    near = difflib.get_close_matches(name, labels, n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(labels[:12]) or 'none'}"
    raise wrong("custom_fields", name, f"a custom field of a {entity}{hint}")


def custom_values(
    client: PipedriveClient, entity: str, given: Mapping[str, Any], now: Mapping[str, Any]
) -> JsonObject:
    """Return `custom_fields` for a body, by key. now: the record's own, for amounts without currency.

    Raises FieldsError naming the field by its label.
    """
    body: JsonObject = {}
    for name, value in given.items():
        definition = field_called(client, entity, name)
        if definition is None:
            body[name] = value
            continue
        key = str(definition["id"])
        try:
            body[key] = values.as_custom(
                value, definition, before=now.get(key), user=lambda one: user_id(client, one)
            )
        except ValueError as error:
            raise wrong(f"custom_fields.{definition['name']}", value, str(error)) from None
    return body
