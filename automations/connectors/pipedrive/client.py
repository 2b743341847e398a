"""The calls to one Pipedrive account: v2 where it exists, v1 for leads, notes, users, merges and webhooks.

The token travels in the `x-api-token` header and nowhere else. No call goes to a v1 address that v2 replaced.

Source: Pipedrive API reference v1 and v2 (OpenAPI of 2026-08-18), read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal
from urllib.parse import quote

from automations.clock import Clock, SystemClock
from automations.connectors.exchanges import masker_for
from automations.connectors.pipedrive import imprints, records
from automations.connectors.pipedrive.costs import note_limits
from automations.connectors.pipedrive.lead_shape import written
from automations.connectors.pipedrive.lists import Lists
from automations.connectors.pipedrive.paying import pay
from automations.connectors.pipedrive.replies import READ_HERE, Answer, Refused, understood
from automations.connectors.pipedrive.settings import PipedriveSettings
from automations.engine.contracts import DirectoryLike, DoorLike, JsonObject

_COLLECTIONS: Mapping[str, str] = {
    "deal": "/api/v2/deals",
    "person": "/api/v2/persons",
    "organization": "/api/v2/organizations",
    "activity": "/api/v2/activities",
    "product": "/api/v2/products",
    "lead": "/api/v1/leads",
    "note": "/api/v1/notes",
}
_WITHOUT_IDS_FILTER = frozenset({"lead", "note"})
_PUT_TO_UPDATE = frozenset({"note"})
_PAGE = 100
_MOST_HITS = 1_000


def collection(entity: str) -> str:
    """Return the path of all records of an entity."""
    return _COLLECTIONS[entity]


def address(entity: str, number: int | str, more: str = "") -> str:
    """Return the path of one record. more: what comes after its id, such as `/followers`."""
    return f"{_COLLECTIONS[entity]}/{quote(str(number), safe='')}{more}"


class PipedriveClient:
    """One account's calls during one piece of work.

    directory: what is remembered of the account. blind: a look-up was held back, so "nothing found" says nothing.
    """

    def __init__(
        self,
        settings: PipedriveSettings,
        door: DoorLike,
        directory: DirectoryLike,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings
        self.door = door
        self.directory = directory
        self.lists = Lists(self, directory)
        self.blind = False
        self._clock = clock or SystemClock()
        self._masker = masker_for(frozenset({settings.api_token}))
        self._headers = {"Accept": "application/json"}
        if settings.auth == "token":
            self._headers["x-api-token"] = settings.api_token

    # -- any call

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        what: str = "",
        presumed: Any = None,
        absent_ok: bool = False,
        refused: Refused | None = None,
    ) -> Answer:
        """Read. presumed: the data to go on with where nothing may leave."""
        reply = self._send("GET", path, "read", params=params, presumed=presumed)
        answer = self._understood(reply, what or f"read {path}", False, absent_ok, refused)
        self.blind = self.blind or answer.held
        return answer

    def write(
        self,
        method: str,
        path: str,
        body: Any,
        *,
        params: Mapping[str, Any] | None = None,
        what: str = "",
        presumed: Any = None,
        absent_ok: bool = False,
        refused: Refused | None = None,
    ) -> Answer:
        """Change something. presumed: the data to go on with where nothing may leave."""
        with self.directory.writing(imprints.of_call(method, path, body)) as became:
            reply = self._send(method, path, "write", params=params, body=body, presumed=presumed)
            answer = self._understood(reply, what or f"{method} {path}", True, absent_ok, refused)
            if isinstance(answer.data, dict):
                became(imprints.made_by(path, answer.data))
        return answer

    def _send(
        self,
        method: str,
        path: str,
        effect: Literal["read", "write"],
        *,
        params: Mapping[str, Any] | None,
        body: Any = None,
        presumed: Any,
    ) -> Any:
        pay(method, path, self.directory)
        reply = self.door.send(
            method,
            self.settings.root + path,
            effect=effect,
            headers=self._headers,
            params=params,
            json=body,
            presume={"success": True, "data": presumed},
            accept=READ_HERE,
        )
        note_limits(path, reply.headers, self.directory)
        return reply

    def _understood(
        self, reply: Any, what: str, writes: bool, absent_ok: bool, refused: Refused | None
    ) -> Answer:
        return understood(
            reply,
            what=what,
            writes=writes,
            now=self._clock.now(),
            absent_ok=absent_ok,
            refused=refused,
            hide=self._masker.text,
        )

    # -- records

    def by_id(self, entity: str, number: int | str) -> JsonObject | None:
        """Return one record, or None when it is not there, is deleted, or is hidden from the token's user."""
        answer = self.get(
            address(entity, number),
            what=f"read {entity} {number}",
            presumed={"id": number},
            absent_ok=True,
        )
        gone = answer.record.get("is_deleted") or answer.record.get("active_flag") is False
        return None if not answer.record or gone else records.from_rest(entity, answer.record)

    def by_ids(self, entity: str, numbers: Iterable[Any]) -> dict[Any, JsonObject]:
        """Return the records of these ids by id, up to 100 a call; those that are not there are left out."""
        found: dict[Any, JsonObject] = {}
        for some in records.chunks(numbers, _PAGE):
            if len(some) == 1 or entity in _WITHOUT_IDS_FILTER:
                # One record by its address costs a tenth of a list call.
                fetched = [record for number in some if (record := self.by_id(entity, number)) is not None]
            else:
                fetched = self._listed(entity, some)
            found.update({record["id"]: record for record in fetched})
        return found

    def _listed(self, entity: str, numbers: list[Any]) -> list[JsonObject]:
        answer = self.get(
            _COLLECTIONS[entity],
            {"ids": ",".join(str(number) for number in numbers), "limit": _PAGE},
            what=f"read {len(numbers)} records ({entity})",
            presumed=[],
        )
        return [
            records.from_rest(entity, record) for record in answer.records if not record.get("is_deleted")
        ]

    def newest(
        self, entity: str, sort_by: str, *, most: int, filters: Mapping[str, Any] | None = None
    ) -> Iterator[JsonObject]:
        """Yield up to `most` records, highest `sort_by` first, page by page."""
        page = self._newest_page_v1 if _COLLECTIONS[entity].startswith("/api/v1") else self._newest_page
        after: Any = None
        given = 0
        while given < most:
            found, after = page(entity, sort_by, min(_PAGE, most - given), after, filters or {})
            for record in found:
                yield records.from_rest(entity, record)
            given += len(found)
            if after is None or not found:
                return

    def _newest_page(
        self, entity: str, sort_by: str, limit: int, after: Any, filters: Mapping[str, Any]
    ) -> tuple[list[JsonObject], Any]:
        params = {**filters, "sort_by": sort_by, "sort_direction": "desc", "limit": limit}
        if after is not None:
            params["cursor"] = after
        answer = self.get(_COLLECTIONS[entity], params, what=f"list the newest ({entity})", presumed=[])
        return answer.records, answer.additional.get("next_cursor")

    def _newest_page_v1(
        self, entity: str, sort_by: str, limit: int, after: Any, filters: Mapping[str, Any]
    ) -> tuple[list[JsonObject], Any]:
        params = {**filters, "sort": f"{sort_by} DESC", "limit": limit, "start": after or 0}
        answer = self.get(_COLLECTIONS[entity], params, what=f"list the newest ({entity})", presumed=[])
        paging = answer.additional.get("pagination") or {}
        more = paging.get("more_items_in_collection")
        return answer.records, paging.get("next_start") if more else None

    def search(self, entity: str, term: str, search_field: str) -> list[Any]:
        """Return the ids of records that Pipedrive's exact search gives; the caller verifies them.

        search_field: Pipedrive's word (`email`, `name`, `custom_fields`, …).
        """
        found: list[Any] = []
        cursor: Any = None
        while len(found) < _MOST_HITS:
            params = {"term": term, "fields": search_field, "exact_match": "true", "limit": _PAGE}
            if cursor is not None:
                params["cursor"] = cursor
            answer = self.get(
                f"{_COLLECTIONS[entity].replace('/v1/', '/v2/')}/search",
                params,
                what=f"search {entity}s by {search_field}",
                presumed={"items": []},
            )
            items = answer.record.get("items") or []
            found += [hit["item"]["id"] for hit in items if "id" in (hit.get("item") or ())]
            cursor = answer.additional.get("next_cursor")
            if cursor is None or not items:
                break
        return found

    def create(self, entity: str, body: JsonObject) -> JsonObject:
        """Make a record and return it as Pipedrive then has it."""
        sent = written(entity, body)
        answer = self.write(
            "POST", _COLLECTIONS[entity], sent, what=f"create the {entity}", presumed={**sent, "id": 0}
        )
        return records.from_rest(entity, answer.record)

    def update(self, entity: str, number: int | str, body: JsonObject, before: JsonObject) -> JsonObject:
        """Change a record by the keys in `body` and return it as Pipedrive then has it."""
        answer = self.write(
            "PUT" if entity in _PUT_TO_UPDATE else "PATCH",
            address(entity, number),
            written(entity, body),
            what=f"update {entity} {number}",
            presumed={**before, **body},
        )
        return records.from_rest(entity, answer.record)

    def delete(self, entity: str, number: int | str) -> bool:
        """Delete a record; False when it was not there any more."""
        answer = self.write(
            "DELETE",
            address(entity, number),
            None,
            what=f"delete {entity} {number}",
            presumed={"id": number},
            absent_ok=True,
        )
        return answer.data is not None

    def merge(self, entity: str, gone: int, stays: int) -> None:
        """Merge the record `gone` into `stays`, whose values win. Source: API v1 `PUT /persons/{id}/merge`."""
        collection = _COLLECTIONS[entity].replace("/v2/", "/v1/")
        self.write(
            "PUT",
            f"{collection}/{gone}/merge",
            {"merge_with_id": stays},
            what=f"merge {entity} {gone} into {stays}",
            presumed={"id": stays},
        )
