"""A connector for tests of the engine: a product called Toy, whose target is a list that can be told to fail.

The engine must run without any real connector; this one promises what a connector promises and nothing more.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from automations.engine.contracts import (
    Action,
    ActionFields,
    Arrival,
    Batch,
    BatchItem,
    Call,
    ConnectionReport,
    ConnectionSettings,
    DirectoryLike,
    DoorLike,
    Imprint,
    InboundRequest,
    ItemResult,
    JsonObject,
    ListedPage,
    Occurrence,
    Outcome,
    Trigger,
    TriggerFields,
    Verb,
    Window,
    field,
)
from automations.engine.registry import Registry
from automations.errors import AutomationError, DeliveryError, InputError
from tests.engine.toy_records import ListsThings, list_records


class ToyTarget:
    """Where toy actions end up. `done` holds (key, text) in order; `next_errors` are raised first."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []
        self.batches: list[int] = []
        self.next_errors: deque[AutomationError] = deque()
        self.errors_for: dict[str, list[AutomationError]] = {}
        self.after_write: deque[AutomationError] = deque()
        self.calls: Counter[str] = Counter()
        self.related_calls: list[int] = []
        self.related_error: AutomationError | None = None
        self.lock = threading.Lock()
        self.gate: threading.Event | None = None
        self.more_outputs: dict[Any, Any] = {}
        self.on_write: Callable[[int, str], None] = lambda number, color: None
        self.made = 100
        self.records: dict[int, dict[str, Any]] = {}
        self.listed: list[tuple[Any, int]] = []
        self.list_errors: deque[AutomationError] = deque()

    def keep(self, id: int, at: str, **more: Any) -> dict[str, Any]:
        """Have a record of this id there, last changed at a time such as `2026-11-22T10:00:00+00:00`."""
        before = self.records.get(id)
        self.records[id] = {"id": id, "made_at": before["made_at"] if before else at, "at": at, **more}
        return self.records[id]

    def texts(self) -> list[str]:
        return [text for _, text in self.done]


TARGETS: dict[str, ToyTarget] = {}


class ToySettings(ConnectionSettings):
    target: str = field("Target", "Name of the list in this process.")
    token: str = field("Token", "Secret.", secret=True)


class ToyClient:
    def __init__(self, settings: ToySettings, directory: DirectoryLike) -> None:
        self.target = TARGETS[settings.target]
        self.directory = directory


class ToyConnection(ListsThings):
    """A toy account."""

    kind = "toy"
    title = "Toy"
    Settings = ToySettings
    receives = True
    may_circle = True

    def client(self, settings: Any, door: DoorLike, directory: DirectoryLike) -> ToyClient:
        return ToyClient(settings, directory)

    def test(self, client: Any) -> ConnectionReport:
        return ConnectionReport("It works.")

    def receive(self, request: InboundRequest) -> Sequence[Arrival]:
        body = orjson.loads(request.body)
        if "id" not in body:
            raise InputError("no id")
        return [arrival(**body)]

    def read(self, topic: str, payload: bytes) -> Occurrence:
        body = orjson.loads(payload)
        if body.get("poison"):
            raise KeyError("poison")
        return Occurrence(
            topic=topic,
            entity="thing",
            record={k: v for k, v in body.items() if k != "previous"},
            previous=body.get("previous"),
            record_key=f"thing:{body['id']}",
            label=f"{body.get('name', 'thing')} ({body['id']})",
        )

    def imprint(self, occurrence: Occurrence, directory: DirectoryLike) -> Imprint | None:
        """Only what a program did may be ours; the record says so."""
        record = occurrence.record
        if record.get("by") != "api":
            return None
        if record.get("verb") == "create":
            return Imprint("thing", Verb.CREATE, occurrence.record_key, {"color": record.get("color")})
        changed = {name: record.get(name) for name in occurrence.changed}
        return Imprint("thing", Verb.CHANGE, occurrence.record_key, changed, {"shade": frozenset({"color"})})

    def needs(self, entity: str, paths: Iterable[tuple[str, ...]]) -> frozenset[str]:
        return frozenset("owner" for path in paths if path[:2] in (("thing", "owner"), ("record", "owner")))

    def load_related(self, occurrences: Sequence[Occurrence], needs: frozenset[str], client: Any) -> Any:
        client.target.related_calls.append(len(occurrences))
        if client.target.related_error is not None:
            raise client.target.related_error
        return [{"owner": {"name": f"Owner of {o.record['id']}"}} for o in occurrences]


class ThingHappenedFields(TriggerFields):
    color: str | None = field("Color", default=None)


class ThingHappened(Trigger):
    """Happens whenever a thing happens."""

    key = "toy.thing_happened"
    title = "Thing happened"
    sentence = "a thing happens"
    connection = ToyConnection
    topics = ("thing.happened",)
    entity = "thing"
    Fields = ThingHappenedFields
    sample = Occurrence("thing.happened", "thing", {"id": 1, "name": "Ball"}, None, "thing:1", "Ball (1)")

    def occurred(self, occurrence: Occurrence) -> str | None:
        return "it was only looked at" if occurrence.record.get("idle") else None

    def narrow(self, fields: Any, occurrence: Occurrence, directory: DirectoryLike) -> str | None:
        seen = occurrence.record.get("color")
        if fields.color and seen != fields.color:
            return f"color is {seen}, wanted {fields.color}"
        return None

    def cannot_list(self, fields: Any) -> str | None:
        return "Things of no color are not listed." if fields.color == "none" else None

    def existing(
        self, fields: Any, client: Any, cursor: JsonObject | None, window: Window, limit: int
    ) -> ListedPage:
        return list_records(client.target, cursor, window, limit)


class NoteFields(ActionFields):
    text: str = field("Text", "What to write down.")
    count: int | None = field("Count", default=None)
    extra: dict[str, Any] = field("Extra", default={})


class _Toy(Action):
    connection = ToyConnection
    Fields = NoteFields
    examples = ({"text": "hello"},)

    def subject(self, fields: NoteFields) -> str:
        return str(fields.extra.get("about", ""))

    def _write(self, fields: NoteFields, client: ToyClient, key: str) -> Outcome:
        target = client.target
        if target.gate is not None:
            target.gate.wait(20)
        with target.lock:
            target.calls[key] += 1
            for_text = target.errors_for.get(fields.text)
            if for_text:
                raise for_text.pop(0)
            if target.next_errors:
                raise target.next_errors.popleft()
            target.done.append((key, fields.text))
            if target.after_write:
                raise target.after_write.popleft()
        outputs = {"id": len(target.done), "text": fields.text, **target.more_outputs}
        return Outcome(outputs, f"wrote {fields.text}")


class WriteDown(_Toy):
    """Write a text down; twice is twice, but it can be looked up.

    Source: this test connector, 2026-11-22.
    """

    key = "toy.write_down"
    title = "Write down"
    sentence = "write it down"

    def perform(self, fields: Any, client: Any, call: Call) -> Outcome:
        return self._write(fields, client, call.idempotency_key)

    def settle(self, fields: Any, client: Any, call: Call) -> Outcome | None:
        if any(key == call.idempotency_key for key, _ in client.target.done):
            return Outcome({"found": True}, "found it written")
        return None


class Shout(_Toy):
    """Shout a text; nobody can tell afterwards whether it was heard.

    Source: this test connector, 2026-11-22.
    """

    key = "toy.shout"
    title = "Shout"
    sentence = "shout it"

    def perform(self, fields: Any, client: Any, call: Call) -> Outcome:
        return self._write(fields, client, call.idempotency_key)


class PaintFields(NoteFields):
    id: int | None = field("Thing", default=None)


class Paint(_Toy):
    """Paint a thing in a color, the text; without a thing, make one of that color.

    Source: this test connector, 2026-11-22.
    """

    key = "toy.paint"
    title = "Paint"
    sentence = "paint it"
    repeatable = True
    Fields = PaintFields

    def perform(self, fields: Any, client: Any, call: Call) -> Outcome:
        target, is_new = client.target, fields.id is None
        key = "" if is_new else f"thing:{fields.id}"
        verb = Verb.CREATE if is_new else Verb.CHANGE
        with client.directory.writing([Imprint("thing", verb, key, {"color": fields.text})]) as became:
            target.made += is_new
            number = target.made if is_new else fields.id
            target.on_write(number, fields.text)
            outcome = self._write(fields, client, call.idempotency_key)
            became(f"thing:{number}")
        return outcome


class _Mailbag(Batch):
    key = "toy.mailbag"
    max_records = 100
    concurrent_calls = 2

    def send(self, items: Sequence[BatchItem], client: Any) -> Sequence[ItemResult]:
        with client.target.lock:
            client.target.batches.append(len(items))
        results = []
        for item in items:
            try:
                results.append(ItemResult(item.action._write(item.fields, client, item.call.idempotency_key)))  # type: ignore[attr-defined]
            except DeliveryError as error:
                results.append(ItemResult(error, {"record": item.fields.text}))
        return results


class Post(_Toy):
    """Post a text, many in one bag; posting twice is the same as once.

    Source: this test connector, 2026-11-22.
    """

    key = "toy.post"
    title = "Post"
    sentence = "post it"
    repeatable = True
    batch = _Mailbag()


def arrival(id: int, n: int = 0, **more: Any) -> Arrival:
    """Return an arrival about thing `id`; `n` tells one from another."""
    body = {"id": id, "n": n, **more}
    return Arrival(
        topic=more.get("topic", "thing.happened"),
        record_key=f"thing:{id}",
        dedupe_key=f"{id}-{n}",
        payload=orjson.dumps(body),
        occurred_at=datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
    )


def toy_registry() -> Registry:
    return Registry(
        kinds={"toy": ToyConnection()},
        triggers={ThingHappened.key: ThingHappened},
        actions={a.key: a for a in (WriteDown(), Shout(), Post(), Paint())},
    )
