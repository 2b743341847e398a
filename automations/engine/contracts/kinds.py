"""One product that can be connected: its settings, its inbound address, its look-ups and webhooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from typing import Any, ClassVar

from automations.engine.contracts.fields import ConnectionSettings, JsonObject
from automations.engine.contracts.happenings import Arrival, Occurrence
from automations.engine.contracts.imprints import Imprint
from automations.engine.contracts.listings import ListedPage, RecordState, Window
from automations.engine.contracts.reaching import DirectoryLike, DoorLike, Pool
from automations.made_often import made_often


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


@dataclass(frozen=True)
class ConnectionReport:
    """What a connection test found. facts: names and values for the page, in order; no secrets."""

    summary: str
    facts: Mapping[str, str] = dataclass_field(default_factory=dict)


@made_often
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
    watched_lists: the directory lists whose entries recipes depend on; they are read anew from time to time.
    budgets: what its calls are paid from, as pages show it.
    may_circle: what recipes write may come back as its events, directly (`imprint` knows it again) or by other ways.
    counts_hops: senders may say how many runs lie behind what they send (`Arrival.hops`).
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
    watched_lists: ClassVar[tuple[str, ...]] = ()
    budgets: ClassVar[tuple[Pool, ...]] = ()
    may_circle: ClassVar[bool] = False
    counts_hops: ClassVar[bool] = False

    def client(self, settings: Any, door: DoorLike, directory: DirectoryLike) -> Any:
        """Return what this kind's triggers and actions call. Opens nothing."""
        raise NotImplementedError

    def settings_table(self, values: Mapping[str, Any]) -> type[ConnectionSettings]:
        """Return the table that these values are for; a kind may have one for each value of a setting.

        values: what is known so far, perhaps wrong or nothing. Raises InputError where no table can be told.
        """
        return self.Settings

    def stand_in(self, name: str) -> Mapping[str, Any]:
        """Return what tells the table of a stand-in for the connection `name` that nobody has made yet."""
        return {}

    def budgets_of(self, settings: Any) -> Sequence[Pool]:
        """Return the budgets of one account; those of the kind where they do not depend on its settings."""
        return self.budgets

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

    def imprint(self, occurrence: Occurrence, directory: DirectoryLike) -> Imprint | None:
        """Return what a write of ours would have left, had it made this happen; None where it cannot have.

        It cannot where the other side says that a person did it in the product itself, or another account.
        """
        return None

    # what was missed

    def state_of(self, occurrence: Occurrence) -> RecordState | None:
        """Return which happening of its record this is; None where nothing tells it from another."""
        return None

    def swept(self, topics: Iterable[str]) -> tuple[str, ...]:
        """Return the entities among these topics whose changes can be listed afterwards, in order."""
        return ()

    def changes(
        self, entity: str, client: Any, cursor: JsonObject | None, window: Window, limit: int
    ) -> ListedPage:
        """Return the next page of what happened to records of an entity in the window, one arrival a happening.

        What an arrival was before is not told; see `with_previous`. Raises DeliveryError, CredentialsError.
        """
        raise NotImplementedError

    def with_previous(
        self, arrival: Arrival, last: Occurrence | None, since: datetime, client: Any
    ) -> Arrival | None:
        """Return a missed change with what can be found out about the values before; None when nothing differs.

        last: the newest that arrived of the same record. since: from when on a change may have been missed.
        """
        return arrival

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

    def complaints(self, parts: Sequence[Any], directory: DirectoryLike) -> Sequence[str]:
        """Return a sentence for each thing that these parts of a recipe name and the account has no more.

        parts: plain JSON of a recipe file. directory: read only; the watched lists in it are fresh.
        """
        return ()

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
