"""Let a user follow a record in Pipedrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from automations.connectors.pipedrive import account
from automations.connectors.pipedrive.client import address
from automations.connectors.pipedrive.connection import PipedriveConnection
from automations.connectors.pipedrive.finding import find_one, match_of
from automations.connectors.pipedrive.mapping_checks import EntityAction
from automations.engine.contracts import ActionFields, Call, Outcome, field
from automations.errors import RejectedError

if TYPE_CHECKING:
    from automations.connectors.pipedrive.client import PipedriveClient

_PAGE = 500


class AddFollower(EntityAction):
    """Let a user follow a deal, person, organization or product.

    The record must be there; several that match stop the run. Who follows it already is nothing to do.

    Repeatable: yes; the followers are read first, and nobody follows twice.

    Source: Pipedrive API v2, "Deals", "Persons", "Organizations", "Products" (followers),
    read 2026-11-22.
    """

    key = "pipedrive.add_follower"
    title = "Add a follower"
    sentence = "Let a user follow a record in Pipedrive"
    connection = PipedriveConnection
    repeatable = True
    outputs: ClassVar[Mapping[str, str]] = {
        "id": "The record's id",
        "user_id": "The id of the user who follows it",
        "added": "Whether the user did not follow it before",
    }
    examples = (
        {
            "entity": "deal",
            "match_field": "title",
            "match_value": "Timber for the quay",
            "user": "sandy@brightfield.example",
        },
        {"entity": "organization", "match_value": "Bergen Timber", "user": "Sandy Box"},
    )

    class Fields(ActionFields):
        entity: Literal["deal", "person", "organization", "product"] = field(
            "Kind of record", choices=("deal", "person", "organization", "product")
        )
        match_field: str | None = field(
            "Find it by", "As an upsert of that kind; leave empty for the connection's.", default=None
        )
        match_value: str = field("Record", "What to find it by.", suggest="{{ record.id }}")
        user: int | str = field("User", "By id, e-mail or name.", choices="users")

    def perform(self, fields: Fields, client: PipedriveClient, call: Call) -> Outcome:
        try:
            user = account.user_id(client, fields.user)
        except ValueError as error:
            raise account.wrong("user", fields.user, str(error)) from None
        match = match_of(client, fields.entity, fields.mapped())
        record = find_one(client, match)
        if record is None:
            raise RejectedError(
                f"No {fields.entity} has {match.words}, so nobody can follow it. Correct the value.",
                code="missing",
            )
        path = address(fields.entity, record["id"], "/followers")
        if user in _followers(client, path):
            return _outcome(record["id"], user, f"User {user} follows {fields.entity} {record['id']} already")
        client.write(
            "POST",
            path,
            {"user_id": user},
            what=f"let user {user} follow {fields.entity} {record['id']}",
            presumed={"user_id": user},
        )
        return _outcome(record["id"], user, f"User {user} follows {fields.entity} {record['id']}", added=True)


def _followers(client: PipedriveClient, path: str) -> set[Any]:
    found: set[Any] = set()
    cursor: Any = None
    while True:
        params = {"limit": _PAGE, **({"cursor": cursor} if cursor else {})}
        answer = client.get(path, params, what="read the followers", presumed=[])
        found |= {one.get("user_id") for one in answer.records}
        cursor = answer.additional.get("next_cursor")
        if cursor is None:
            return found


def _outcome(record_id: Any, user: Any, words: str, *, added: bool = False) -> Outcome:
    return Outcome({"id": record_id, "user_id": user, "added": added}, f"{words}.", nothing_to_do=not added)
