"""Webhooks at Pipedrive: one for each entity, for every action, shared by all recipes of the connection.

Source: Pipedrive API v1, "Webhooks" (`GET`, `POST`, `DELETE /webhooks`) and "Guide for Webhooks v2", read
2026-11-22. There is no call that changes one. A user may have 40; one more is answered with 422.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from automations.engine.contracts import JsonObject, RemoteHook
from automations.errors import RejectedError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

_PATH = "/api/v1/webhooks"
_VERSION = "2.0"
_EVERY_ACTION = "*"
AT_MOST = 40


def wanted(topics: Iterable[str]) -> frozenset[str]:
    """Return the entities whose webhooks these topics need; `*` alone where one is of any entity."""
    entities = {topic.partition(".")[0] for topic in topics}
    return frozenset({"*"}) if "*" in entities else frozenset(entities)


def existing(client: PipedriveClient, address: str) -> Sequence[RemoteHook]:
    """Return the account's webhooks. One of another version or action is no entity's whole hook: its topic says so."""
    reply = client.get(_PATH, refused=_cannot_look)
    return [
        RemoteHook(
            remote_id=str(hook.get("id")),
            topic=_topic(hook),
            active=bool(hook.get("is_active")),
            ours=_same_address(hook.get("subscription_url"), address),
        )
        for hook in reply.records
    ]


def _topic(hook: JsonObject) -> str:
    entity, action = str(hook.get("event_object")), str(hook.get("event_action"))
    if action == _EVERY_ACTION and str(hook.get("version")) == _VERSION:
        return entity
    return f"{entity}.{action}@{hook.get('version')}"


def _same_address(there: Any, address: str) -> bool:
    return isinstance(there, str) and there.rstrip("/") == address.rstrip("/")


def add(client: PipedriveClient, topic: str, address: str, basic: tuple[str, str]) -> str:
    """Subscribe to every action on `topic`; return the id there.

    Raises RejectedError in words when the token's user may not, the limit is reached, or Pipedrive cannot
    reach the address.
    """
    body = {
        "subscription_url": address,
        "event_object": topic,
        "event_action": _EVERY_ACTION,
        "version": _VERSION,
        "name": f"automations: {'everything' if topic == '*' else topic}",
        "http_auth_user": basic[0],
        "http_auth_password": basic[1],
    }

    def refused(status: int, said: str) -> RejectedError | None:
        # It may echo the body, which holds the password.
        return _cannot_add(status, said.replace(basic[1], "•••"), topic, address)

    reply = client.write("POST", _PATH, body, refused=refused, presumed={**body, "id": 0})
    return str(reply.record.get("id"))


def by_hand(topic: str) -> dict[str, str]:
    """Return what the form in Pipedrive under Tools and apps, Webhooks, asks for."""
    return {"Event action": _EVERY_ACTION, "Event object": topic, "Version": _VERSION}


def remove(client: PipedriveClient, remote_id: str) -> None:
    """Delete a webhook; one that is gone already is no error."""
    client.write("DELETE", f"{_PATH}/{remote_id}", None, absent_ok=True, refused=_cannot_look)


def _cannot_look(status: int, said: str) -> RejectedError | None:
    if status != 403:
        return None
    return RejectedError(
        f"Pipedrive does not let this token see or remove webhooks ({said}). Use a token of an admin, or look "
        "after them by hand in Pipedrive under Tools and apps, Webhooks.",
        code="403",
    )


def _cannot_add(status: int, said: str, topic: str, address: str) -> RejectedError | None:
    if status == 403:
        return RejectedError(
            f"Pipedrive does not let this token make webhooks ({said}). Use a token of an admin, or make it by "
            "hand in Pipedrive under Tools and apps, Webhooks: "
            f"event action {_EVERY_ACTION}, event object {topic}, version {_VERSION}, endpoint {address}, and "
            "as HTTP user and password those that the connection page shows.",
            code="403",
        )
    if status == 422:
        return RejectedError(
            f"Pipedrive takes no more webhooks from this user ({said}); the limit is {AT_MOST}. Remove unused ones in "
            "Pipedrive under Tools and apps, Webhooks, then try again.",
            code="422",
        )
    if status == 400:
        return RejectedError(
            f"Pipedrive did not accept the webhook for {topic} ({said}). The address {address} must be reachable "
            "from the internet by https with a valid certificate; check the setting PUBLIC_URL.",
            code="400",
        )
    return None
