"""What a connector promises, and what the engine promises it in return.

A connector brings one `ConnectionKind`, triggers and actions; each class is its own single truth: the form,
the checks, the reference page and the typed values all come from its `Settings` or `Fields`. Nothing here
knows a product or opens a socket.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict
from pydantic import Field as PydanticField

from automations.errors import AutomationError, DeliveryError, OutcomeUnknownError

JsonObject = dict[str, Any]


# -- fields ---------------------------------------------------------------------------------------


def field(
    title: str,
    help: str = "",
    *,
    default: Any = ...,
    suggest: str = "",
    secret: bool = False,
    choices: Sequence[str] | str = (),
    multiline: bool = False,
    advanced: bool = False,
    one_of: str = "",
    expression: bool = False,
) -> Any:
    """Declare one field of an action, trigger or connection.

    title, help: what a person reads. default: leave out for a required field.
    suggest: the template offered when the step is new. choices: fixed values, or the name of a connector's
    directory list (such as `stages`) that the form offers. one_of: fields with the same word here are
    alternatives, at least one of which must be mapped. expression: the text is for the action to evaluate over
    what it knows (such as `reply`), not a template of the recipe; braces around it are taken off.
    """
    return PydanticField(
        default=default,
        title=title,
        description=help,
        json_schema_extra={
            "suggest": suggest,
            "secret": secret,
            "choices": list(choices) if not isinstance(choices, str) else choices,
            "multiline": multiline,
            "advanced": advanced,
            "one_of": one_of,
            "expression": expression,
        },
    )


class Fields(BaseModel):
    """Base of every field table. Unknown names are refused; values arrive already typed."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=False)


class ActionFields(Fields):
    """What an action takes: a field that the author did not map is absent from `model_fields_set`."""

    def mapped(self) -> JsonObject:
        """Return what the author mapped and nothing else; a mapped null stays null (clear it)."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class TriggerFields(Fields):
    """How a trigger may be narrowed; every field is optional."""


class ConnectionSettings(Fields):
    """What a person gives to connect an account; fields declared `secret=True` are stored encrypted."""

    @classmethod
    def secret_names(cls) -> frozenset[str]:
        return frozenset(
            name
            for name, info in cls.model_fields.items()
            if isinstance(info.json_schema_extra, dict) and info.json_schema_extra.get("secret")
        )


# -- what happened --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arrival:
    """One happening as intake stores it, before anything is decided.

    topic: `entity.action` in the connector's words, such as `deal.change`. record_key: `deal:5120`, empty where
    nothing has an order. dedupe_key: the same happening always gives the same text, at most 200 characters.
    payload: bytes that `ConnectionKind.read` understands again.
    """

    topic: str
    record_key: str
    dedupe_key: str
    payload: bytes
    occurred_at: datetime | None = None


@dataclass(frozen=True)
class Occurrence:
    """A happening in the shape that triggers and templates read; plain JSON throughout.

    entity: the record's name inside templates (`deal`). previous: old values of what changed, by the record's
    own keys; None when the whole is new or gone. label: a few words for lists, such as `Office chairs (deal 5120)`.
    related: what was looked up and belongs inside the record (`person`, `stage`, …). facts: what else a
    trigger may need (change source, acting user).
    """

    topic: str
    entity: str
    record: JsonObject
    previous: JsonObject | None = None
    record_key: str = ""
    label: str = ""
    occurred_at: str = ""
    related: JsonObject = dataclass_field(default_factory=dict)
    facts: JsonObject = dataclass_field(default_factory=dict)

    @property
    def changed(self) -> list[str]:
        """Names of the fields whose value really differs; a key in `previous` alone proves nothing."""
        return changed_names(self.record, self.previous)

    def as_json(self) -> JsonObject:
        return {
            "topic": self.topic,
            "entity": self.entity,
            "record": self.record,
            "previous": self.previous,
            "record_key": self.record_key,
            "label": self.label,
            "occurred_at": self.occurred_at,
            "related": self.related,
            "facts": self.facts,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Occurrence:
        """Build from `as_json`'s shape; unknown keys are ignored, absent ones take their defaults."""
        known = {name: value[name] for name in cls.__dataclass_fields__ if name in value}
        return cls(**{"topic": "", "entity": "record", "record": {}, **known})


def changed_names(record: Mapping[str, Any], previous: Mapping[str, Any] | None) -> list[str]:
    """Return the keys that are in `previous` and hold another value now, custom fields one level down."""
    names: list[str] = []
    for key, old in (previous or {}).items():
        now = record.get(key)
        if key == "custom_fields" and isinstance(old, dict):
            inner = now if isinstance(now, dict) else {}
            names += [f"custom_fields.{name}" for name, value in old.items() if inner.get(name) != value]
        elif now != old:
            names.append(key)
    return names


# -- the way out ----------------------------------------------------------------------------------


class DoorMode(StrEnum):
    """What may leave during a test-run; real runs are live."""

    OFFLINE = "offline"
    LOOKUPS = "lookups"
    LIVE = "live"


class ExchangeRecord(Protocol):
    def as_json(self) -> JsonObject: ...


class DoorReply(Protocol):
    """What came back. held: nothing left, and the reply is what the caller presumed."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def text(self) -> str: ...

    @property
    def held(self) -> bool: ...

    def json(self) -> Any: ...


class DoorLike(Protocol):
    """One connection's way out during one call. Every request passes here and is recorded, secrets masked."""

    @property
    def exchanges(self) -> Sequence[ExchangeRecord]: ...

    def send(
        self,
        method: str,
        url: str,
        *,
        effect: Literal["read", "write"],
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | str | None = None,
        content_type: str | None = None,
        auth: tuple[str, str] | None = None,
        presume: Any = None,
        timeout_s: float | None = None,
        accept: Collection[int] = (),
        bearer: str | None = None,
    ) -> Any: ...


@dataclass(frozen=True)
class Pool:
    """One budget that an account's calls are paid from.

    name: permanent. title: what pages call it. rolling: any stretch of `window_s` counts; else windows follow each
    other from midnight UTC. limit: what the whole account may spend in a window; None: the other side tells it,
    and until it does, nothing is held back.
    """

    name: str
    title: str
    window_s: float
    rolling: bool = True
    limit: int | None = None


@dataclass(frozen=True)
class BudgetLeft:
    """What is left of a pool in its present window."""

    pool: Pool
    left: int
    most: int


class DirectoryLike(Protocol):
    """What the engine remembers of one account between calls, and how work on one thing is kept apart.

    Lists by name (`stages`, `users`, …); identities: which remote record a value of ours stands for, so that a
    record just made is found before the remote search knows it.

    can_wait: this is for work that leaves a part of every budget to others; its waits hold nobody else up.
    """

    can_wait: bool = False

    def get(self, name: str) -> Any | None:
        """Return the remembered list, or None when it was never fetched."""

    def put(self, name: str, entries: Any) -> None: ...

    def known(self, entity: str, field: str, value: str) -> str | None:
        """Return the remote id remembered for a normalised value, or None. It may be out of date: verify it."""

    def remember(self, entity: str, field: str, value: str, remote_id: str) -> None: ...

    def forget(self, entity: str, field: str, value: str) -> None: ...

    def alone(self, key: str) -> AbstractContextManager[None]:
        """Hold `key` for this account while the block runs: one at a time over all workers and machines.

        Raises UnavailableError when another holds it for more than some seconds; nothing was done then.
        """

    def spend(self, pool: Pool, cost: int) -> float:
        """Take `cost` out of a budget, all or nothing; return the seconds to wait first, 0 when it is taken."""

    def observe(self, pool: Pool, most: int, left: int | None = None) -> None:
        """Take down what the other side says of a budget: its limit, and what is left of it."""


# -- permission ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class OAuth:
    """How a person's permission is asked for, by OAuth 2 with an authorization code.

    scopes: sent with the question; empty where the other product keeps them with the app. revoke_url: empty where
    a permission cannot be given back.
    """

    authorize_url: str
    token_url: str
    client_id: str
    client_secret: str = dataclass_field(repr=False)
    revoke_url: str = ""
    scopes: tuple[str, ...] = ()


# -- connections ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ConnectionReport:
    """What a connection test found. facts: names and values for the page, in order; no secrets."""

    summary: str
    facts: Mapping[str, str] = dataclass_field(default_factory=dict)


@dataclass(frozen=True)
class InboundRequest:
    """A request to a connection's inbound address, after size checks, body already decompressed.

    headers: lower-case names. basic: user and password as they came, or None. received_at: when it came, aware;
    None where that does not matter, such as for a pasted sample.
    """

    body: bytes
    content_type: str
    headers: Mapping[str, str]
    basic: tuple[str, str] | None = None
    path: str = ""
    received_at: datetime | None = None


@dataclass(frozen=True)
class Snippet:
    """Code to take along that makes another program send to a connection. title: the library or the tool."""

    title: str
    code: str


@dataclass(frozen=True)
class RemoteHook:
    """A webhook as the remote product lists it. ours: it points at this connection's inbound address."""

    remote_id: str
    topic: str
    active: bool
    ours: bool


class ConnectionKind:
    """One product that can be connected.

    `kind` and `title` name it. `Settings` is what a person gives. `receives` says that it has an inbound
    address of its own; `hook_path` is where that address begins. `write_key_paths`: common addresses, such as
    `/v1/batch`, to which senders post with this connection's write key; without them it has no write key.
    hooks_at_most: how many webhooks the other product lets one user have.
    budgets: what its calls are paid from, as pages show it.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    Settings: ClassVar[type[ConnectionSettings]] = ConnectionSettings
    receives: ClassVar[bool] = False
    hook_path: ClassVar[str] = "/hooks/in/"
    hook_needs_basic: ClassVar[bool] = False
    write_key_paths: ClassVar[tuple[str, ...]] = ()
    concurrent_calls: ClassVar[int] = 8
    manages_hooks: ClassVar[bool] = False
    hooks_at_most: ClassVar[int | None] = None
    budgets: ClassVar[tuple[Pool, ...]] = ()

    def client(self, settings: Any, door: DoorLike, directory: DirectoryLike) -> Any:
        """Return what this kind's triggers and actions call. Opens nothing."""
        raise NotImplementedError

    def hosts(self, settings: Any) -> frozenset[str] | None:
        """Return the hosts that its calls may go to, or None where the recipe names the address."""
        return None

    def test(self, client: Any) -> ConnectionReport:
        """Try the account with one harmless call. Raises CredentialsError, DeliveryError."""
        raise NotImplementedError

    # permission

    def oauth(self, settings: Any) -> OAuth | None:
        """Return how to ask for permission, or None where these settings sign in otherwise.

        The client then adds no credentials of its own: every call carries the access token.
        """
        return None

    def check_grant(self, settings: Any, said: Mapping[str, Any]) -> None:
        """Check a token answer against the settings. Raises InputError when it is for another account."""

    # receiving: pure, called inside the request

    def receive(self, request: InboundRequest) -> Sequence[Arrival]:
        """Turn one request into what happened; several for a batch, none for what can be ignored.

        Raises InputError when it can never be valid.
        """
        raise NotImplementedError

    def read(self, topic: str, payload: bytes) -> Occurrence:
        """Turn a stored payload into the shape that triggers and templates read."""
        raise NotImplementedError

    def names(self, occurrence: Occurrence) -> Mapping[str, Any]:
        """Return what templates may read at the top besides the record: one value for each of `Trigger.names`."""
        return {}

    def origins(self, settings: Any) -> frozenset[str]:
        """Return the origins whose pages may post with the write key, such as `https://shop.example`; `*` for all."""
        return frozenset()

    def snippets(self, address: str, write_key: str) -> Sequence[Snippet]:
        """Return how other programs are made to send here. address: where this installation is reached, no path."""
        return ()

    def example_request(self) -> InboundRequest | None:
        """Return a request as a sender would make it, new each time; None where it has no write key."""
        return None

    def fetch_list(self, name: str, client: Any) -> Any | None:
        """Fetch a directory list that a form offers, remember it and return it; None for an unknown name.

        Every entry has `id` and `name`. Raises DeliveryError, CredentialsError.
        """
        return None

    # related records

    def needs(self, entity: str, paths: Iterable[tuple[str, ...]]) -> frozenset[str]:
        """Return which related things the template paths read, in this kind's own words (`person`, `stage`)."""
        return frozenset()

    def load_related(
        self, occurrences: Sequence[Occurrence], needs: frozenset[str], client: Any
    ) -> Sequence[JsonObject]:
        """Return for each occurrence what was looked up, to be laid into its record. Raises DeliveryError."""
        return [{} for _ in occurrences]

    # remote webhooks

    def hook_topics(self, topics: Iterable[str]) -> frozenset[str]:
        """Return the remote subscriptions that triggers on these topics need."""
        return frozenset()

    def list_hooks(self, client: Any, address: str) -> Sequence[RemoteHook]:
        raise NotImplementedError

    def add_hook(self, client: Any, topic: str, address: str, basic: tuple[str, str]) -> str:
        """Ask the remote product to send `topic` to `address`; return its id there."""
        raise NotImplementedError

    def hook_by_hand(self, topic: str) -> Mapping[str, str]:
        """Return what a person enters there for `topic`, in order, beside address, user and password."""
        return {"Topic": topic}

    def remove_hook(self, client: Any, remote_id: str) -> None:
        """Remove it; one that is gone already is no error."""
        raise NotImplementedError


# -- triggers -------------------------------------------------------------------------------------


def topic_fits(topic: str, patterns: Collection[str]) -> bool:
    """Tell whether a topic is one of `patterns`: itself, `entity.*`, `*.action`, or `*` for all."""
    return any(pattern in patterns for pattern in topic_patterns(topic))


def topic_patterns(topic: str) -> tuple[str, ...]:
    """Return every pattern that a topic fits."""
    entity, _, action = topic.partition(".")
    return (topic, f"{entity}.*", f"*.{action}", "*")


class Trigger:
    """A kind of thing that happens. `key` is permanent: saved recipes refer to it.

    topics: the arrivals it looks at, also as patterns (`deal.*`, `*.change`, `*`). entity: the record's name in
    templates; `record` where it may be any. names: what else templates may begin with; the kind's `names` gives
    their values. sample: a believable example.
    The class docstring is the user's page.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    sentence: ClassVar[str]
    connection: ClassVar[type[ConnectionKind]]
    topics: ClassVar[tuple[str, ...]]
    entity: ClassVar[str]
    names: ClassVar[tuple[str, ...]] = ()
    Fields: ClassVar[type[TriggerFields]] = TriggerFields
    sample: ClassVar[Occurrence]

    def looks_at(self, fields: Any) -> tuple[str, ...]:
        """Return the topics that are left of `topics` when it is narrowed so; others need not even arrive."""
        return self.topics

    def occurred(self, occurrence: Occurrence) -> str | None:
        """Return None when this is what happened, else why not, in words that follow "because"."""
        return None

    def narrow(self, fields: Any, occurrence: Occurrence, directory: DirectoryLike) -> str | NotYet | None:
        """Return None when the fields let it through, else the reason with the value seen and the one wanted.

        Returns NOT_YET when a list is needed that was never fetched; it is then asked again after `prepare`.
        """
        return None

    def prepare(self, fields: Any, client: Any) -> None:
        """Fetch into the directory what `narrow` needs. Raises DeliveryError."""

    def pull(self, fields: Any, client: Any, limit: int) -> Sequence[Occurrence]:
        """Return real records of the account, newest first, narrowed as the fields say."""
        return []


class NotYet:
    """Cannot be told before something was looked up."""


NOT_YET = NotYet()


# -- actions --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """What an action may know of the delivery it works for.

    idempotency_key: the same for every attempt. attempt: 1 for the first. in_doubt: an earlier attempt may
    have done the work. now, first_at: ISO 8601, UTC; when the first attempt began, `now` itself for the first.
    """

    idempotency_key: str
    attempt: int = 1
    in_doubt: bool = False
    now: str = ""
    first_at: str = ""
    validate_only: bool = False


@dataclass(frozen=True)
class Outcome:
    """What an action did. outputs: read by later steps as `steps.<name>.<key>`; `id` and `record` by custom.

    nothing_to_do: the remote already was as wanted, nothing was written. stop: later steps are not run.
    """

    outputs: JsonObject = dataclass_field(default_factory=dict)
    summary: str = ""
    nothing_to_do: bool = False
    stop: bool = False


@dataclass(frozen=True)
class BatchItem:
    """One delivery's part in a batch."""

    action: Action
    fields: Any
    call: Call


@dataclass(frozen=True)
class ItemResult:
    """What became of one item. exchange: this record's own part of the request and reply, JSON, masked."""

    result: Outcome | DeliveryError
    exchange: JsonObject | None = None


class Batch:
    """How deliveries of one connection travel together. Actions that share one instance share calls."""

    key: ClassVar[str]
    max_records: ClassVar[int] = 1000
    concurrent_calls: ClassVar[int] = 4

    def send(self, items: Sequence[BatchItem], client: Any) -> Sequence[ItemResult]:
        """Make the call and return one result an item, in order.

        Raises an error of the tree when the whole call failed; it then holds for every item.
        """
        raise NotImplementedError


class Action:
    """A kind of thing we can do. `key` is permanent: saved recipes refer to it.

    repeatable: sending it twice leaves the same as once; the engine repeats it after a doubtful outcome.
    Unsure means False. batch: set where many deliveries travel in one call. outputs: name -> what it is.
    The class docstring is the user's page; its `Source:` line names the remote documentation and the day
    it was read. examples: field values, as templates, that the conformance suite performs.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    sentence: ClassVar[str]
    connection: ClassVar[type[ConnectionKind] | None]
    repeatable: ClassVar[bool] = False
    batch: ClassVar[Batch | None] = None
    Fields: ClassVar[type[ActionFields]]
    outputs: ClassVar[Mapping[str, str]] = {}
    examples: ClassVar[Sequence[JsonObject]] = ()

    def perform(self, fields: Any, client: Any, call: Call) -> Outcome:
        """Do it. A batchable action does its batch of one.

        Raises DeliveryError, CredentialsError, and FieldsError where a look-up shows that a value cannot be.
        """
        if self.batch is None:
            raise NotImplementedError
        (item,) = self.batch.send([BatchItem(self, fields, call)], client)
        if isinstance(item.result, DeliveryError):
            raise item.result
        return item.result

    def settle(self, fields: Any, client: Any, call: Call) -> Outcome | None:
        """Tell what became of an attempt whose reply was lost: its outcome, or None when it was not done.

        The default cannot tell, and the delivery waits for a person. Raises OutcomeUnknownError then.
        """
        raise OutcomeUnknownError(
            "The request was sent, but its worker stopped before an answer came, and this action cannot look up "
            "what became of it. Look at the other side, then choose *Send again* or *Mark as done*."
        )

    def repeatable_for(self, fields: Any) -> bool:
        """Tell whether these very values may be sent twice; by default as the action says."""
        return self.repeatable

    def check(self, fields: Any) -> None:
        """Check typed values against rules of the target before anything leaves. Raises FieldsError."""

    def check_mapping(
        self, fields: Mapping[str, Any], settings: Any, directory: DirectoryLike
    ) -> Sequence[tuple[str, str]]:
        """Return what is wrong with a mapping as the author wrote it, as (field, message); nothing may leave.

        fields: templates and constants. settings, directory: of the connection that the step uses; lists that
        were never fetched are None, and then nothing is known to be wrong.
        """
        return ()


def error_as_json(error: AutomationError) -> JsonObject:
    """Return `{kind, step, field, message}`, the shape that test-runs and history show."""
    return {
        "kind": error.kind,
        "step": getattr(error, "step", ""),
        "field": getattr(error, "field", ""),
        "message": error.message,
    }
