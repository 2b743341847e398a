"""The connection to one Pipedrive account, and what the engine asks of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from automations.connectors.pipedrive import (
    field_history,
    hooks,
    imprints,
    listed,
    listing,
    permission,
    receiver,
    related,
    what_was,
)
from automations.connectors.pipedrive.client import PipedriveClient
from automations.connectors.pipedrive.costs import POOLS
from automations.connectors.pipedrive.lists import FIELD_LISTS
from automations.connectors.pipedrive.settings import PipedriveSettings
from automations.engine.contracts import (
    Arrival,
    ConnectionKind,
    ConnectionReport,
    DirectoryLike,
    DoorLike,
    Imprint,
    InboundRequest,
    JsonObject,
    ListedPage,
    OAuth,
    Occurrence,
    RecordState,
    RemoteHook,
    Window,
)


class PipedriveConnection(ConnectionKind):
    """One Pipedrive account: its events come in by webhooks, and actions write into it.

    You need the company domain and an API token, or an app of your own that people allow (OAuth). Recipes
    started by Pipedrive also need webhooks: a token of an admin makes them by itself; with any other token, the
    connection page shows what to enter in Pipedrive.
    """

    kind = "pipedrive"
    title = "Pipedrive"
    Settings = PipedriveSettings
    receives = True
    hook_path = "/hooks/pipedrive/"
    hook_needs_basic = True
    manages_hooks = True
    hooks_at_most = hooks.AT_MOST
    budgets = POOLS
    may_circle = True
    watched_lists = tuple(dict.fromkeys(FIELD_LISTS.values()))

    def client(
        self, settings: PipedriveSettings, door: DoorLike, directory: DirectoryLike
    ) -> PipedriveClient:
        return PipedriveClient(settings, door, directory)

    def hosts(self, settings: PipedriveSettings) -> frozenset[str]:
        return frozenset({urlsplit(settings.root).netloc.lower()})

    def test(self, client: PipedriveClient) -> ConnectionReport:
        """Ask who the token belongs to. Source: Pipedrive API v1, `GET /users/me`, read 2026-11-22."""
        reply = client.get("/api/v1/users/me")
        me = reply.record
        if me.get("id") and not reply.held:
            client.directory.put(imprints.ME, {"id": me["id"]})
        facts = {
            "Company": f"{me.get('company_name', '')} ({me.get('company_domain', '')})",
            "User": f"{me.get('name', '')} <{me.get('email', '')}>",
            "Admin": "yes" if _is_admin(me) else "no: webhooks may have to be entered by hand",
        }
        for title, header in (
            ("Calls left in this burst", "x-ratelimit-remaining"),
            ("Daily budget", "x-daily-ratelimit-token-limit"),
            ("Left of it today", "x-daily-ratelimit-token-remaining"),
        ):
            if reply.headers.get(header):
                facts[title] = str(reply.headers[header])
        return ConnectionReport(f"Connected as {me.get('name', '')} of {me.get('company_name', '')}.", facts)

    # permission

    def oauth(self, settings: PipedriveSettings) -> OAuth | None:
        return permission.oauth(settings)

    def check_grant(self, settings: PipedriveSettings, said: Mapping[str, Any]) -> None:
        permission.check(settings, said)

    # receiving

    def receive(self, request: InboundRequest) -> Sequence[Arrival]:
        return receiver.receive(request)

    def read(self, topic: str, payload: bytes) -> Occurrence:
        return receiver.read(topic, payload)

    def imprint(self, occurrence: Occurrence, directory: DirectoryLike) -> Imprint | None:
        return imprints.of_event(occurrence, directory)

    # what was missed

    def state_of(self, occurrence: Occurrence) -> RecordState | None:
        return listed.state_of(occurrence)

    def swept(self, topics: Iterable[str]) -> tuple[str, ...]:
        entities = hooks.wanted(topics)
        return (
            listing.ENTITIES if "*" in entities else tuple(one for one in listing.ENTITIES if one in entities)
        )

    def changes(
        self, entity: str, client: PipedriveClient, cursor: JsonObject | None, window: Window, limit: int
    ) -> ListedPage:
        return listing.changes(client, entity, cursor, window, limit)

    def with_previous(
        self, arrival: Arrival, last: Occurrence | None, since: datetime, client: PipedriveClient
    ) -> Arrival | None:
        return what_was.with_previous(arrival, last, since, client)

    # related records

    def fetch_list(self, name: str, client: PipedriveClient) -> Any | None:
        return client.lists.fetch(name)

    def complaints(self, parts: Sequence[Any], directory: DirectoryLike) -> Sequence[str]:
        found = [
            words
            for list_name in self.watched_lists
            for words in field_history.complaints(
                list_name, list_name.removesuffix("_fields"), parts, directory
            )
        ]
        return list(dict.fromkeys(found))

    def needs(self, entity: str, paths: Iterable[tuple[str, ...]]) -> frozenset[str]:
        return related.needs(entity, paths)

    def load_related(
        self, occurrences: Sequence[Occurrence], needs: frozenset[str], client: PipedriveClient
    ) -> Sequence[JsonObject]:
        return related.load(occurrences, needs, client)

    # remote webhooks

    def hook_topics(self, topics: Iterable[str]) -> frozenset[str]:
        return hooks.wanted(topics)

    def list_hooks(self, client: PipedriveClient, address: str) -> Sequence[RemoteHook]:
        return hooks.existing(client, address)

    def add_hook(self, client: PipedriveClient, topic: str, address: str, basic: tuple[str, str]) -> str:
        return hooks.add(client, topic, address, basic)

    def hook_by_hand(self, topic: str) -> Mapping[str, str]:
        return hooks.by_hand(topic)

    def remove_hook(self, client: PipedriveClient, remote_id: str) -> None:
        hooks.remove(client, remote_id)


def _is_admin(me: dict[str, Any]) -> bool:
    access = me.get("access")
    return isinstance(access, list) and any(isinstance(one, dict) and one.get("admin") for one in access)
