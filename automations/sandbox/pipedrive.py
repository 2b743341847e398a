"""The sandbox Pipedrive: state, API, webhooks and pages behind one object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import orjson

from . import api_followers, api_v2_products, oauth_pages, payloads, pipedrive_app
from .api_v1_changelog import Changelog
from .api_v2_conversions import Conversions
from .base import SandboxApp, utc_now
from .errors import unauthorized
from .fields import FieldDefinition
from .hooks import Hooks
from .limits import Limits
from .oauth import OAuthServer
from .records import Records
from .render import as_v2
from .search import SearchIndex
from .seed import seed_account, seed_demo
from .sender import Delivery, Sender
from .serving import SandboxServer
from .snapshot import StateFile
from .state import Account, Actor, Change, Id, Record


class PipedriveSandbox(SandboxApp):
    """A strict Pipedrive account that speaks real HTTP on 127.0.0.1.

    A new account has one user (`me`, who owns the token), the pipeline "Sales" with five stages, and no more;
    `seed_demo()` adds a believable company. Records are in REST v2 shape everywhere.

    api_token: what callers must send in the `x-api-token` header.
    tokens_in_urls: how often a caller put a token into a URL, where it does not belong.
    verify_url: refuse webhooks whose address takes no connection.
    oauth: the app that may ask for people's permission. api_domain: what it is told to call; empty: this address.
    conversions: the jobs that turn leads into deals, and how they go.
    """

    name = "sandbox_pipedrive"

    def __init__(
        self,
        api_token: str = "sandbox-token",  # noqa: S107  a sandbox's token opens nothing else
        company_domain: str = "sandbox",
        *,
        now: Callable[[], datetime] = utc_now,
        state_file: Path | None = None,
    ) -> None:
        super().__init__(now)
        self.api_token = api_token
        self.company_domain = company_domain
        self.company_name = "Brightfield Solar"
        self.clevertap_page_url: str | None = None
        self.tokens_in_urls = 0
        self.verify_url = False
        self.account = Account(now)
        self.writes = Records(self.account)
        self.limits = Limits()
        self.hooks = Hooks()
        self.sender = Sender(self.account, self.hooks)
        self.search_index = SearchIndex(self.account)
        self.conversions = Conversions()
        self.changelog = Changelog()
        self.oauth = OAuthServer(now)
        self.api_domain = ""
        self._state_file = StateFile(state_file, self._snapshot)
        saved = self._state_file.load()
        if saved is None:
            self.me = seed_account(self.account, self.writes)
        else:
            self._restore(saved)
        self.search_index.rebuild()
        self.account.on_change(self.changelog.take)
        self.account.on_change(self._spread)
        pipedrive_app.mount(self)

    # -- settings that tests and the demo turn

    @property
    def search_delay_s(self) -> float:
        """How long a write stays invisible to searches; default 0."""
        return self.search_index.delay_s

    @search_delay_s.setter
    def search_delay_s(self, seconds: float) -> None:
        self.search_index.delay_s = seconds

    @property
    def burst_limit(self) -> int | None:
        """Requests a rolling two seconds, or None."""
        return self.limits.burst_limit

    @burst_limit.setter
    def burst_limit(self, limit: int | None) -> None:
        self.limits.burst_limit = limit

    @property
    def search_burst_limit(self) -> int | None:
        """The same for searches alone; the real one is 10."""
        return self.limits.search_burst_limit

    @search_burst_limit.setter
    def search_burst_limit(self, limit: int | None) -> None:
        self.limits.search_burst_limit = limit

    @property
    def retry_delays_s(self) -> tuple[float, ...]:
        return self.sender.retry_delays_s

    @retry_delays_s.setter
    def retry_delays_s(self, delays_s: tuple[float, ...]) -> None:
        self.sender.retry_delays_s = tuple(delays_s)

    @property
    def sender_connections(self) -> int:
        """Connections a hook; set it before the hook's first event."""
        return self.sender.connections

    @sender_connections.setter
    def sender_connections(self, connections: int) -> None:
        self.sender.connections = connections

    @property
    def ban_s(self) -> float:
        """How long a hook is silent after ten failed first attempts."""
        return self.hooks.ban_s

    @ban_s.setter
    def ban_s(self, seconds: float) -> None:
        self.hooks.ban_s = seconds

    # -- what tests and the demo do and read

    @property
    def deliveries(self) -> list[Delivery]:
        """Every webhook attempt that was made, in order."""
        return self.sender.deliveries

    @property
    def webhooks(self) -> list[dict[str, Any]]:
        """The registered webhooks as `GET /v1/webhooks` shows them."""
        with self.account.lock:
            return [hook.as_v1() for hook in self.hooks.by_id.values()]

    @property
    def api_actor(self) -> Actor:
        return Actor(self.me, "api")

    def create(
        self, entity: str, values: Mapping[str, Any], *, change_source: Literal["app", "api"] = "app"
    ) -> Record:
        """Make a record under the same rules as the API, and send its webhooks. Raises `Refusal`.

        entity: person, organization, deal, activity, note, lead, product, pipeline, stage or user.
        change_source: `app`, as if a person did it in the web pages, or `api`.
        """
        return self._shown(entity, self.writes.create(entity, values, Actor(self.me, change_source)))

    def update(
        self,
        entity: str,
        record_id: Id,
        values: Mapping[str, Any],
        *,
        change_source: Literal["app", "api"] = "app",
    ) -> Record:
        """Change the given keys of a record, as `create` makes one."""
        return self._shown(
            entity, self.writes.update(entity, record_id, values, Actor(self.me, change_source))
        )

    def delete(self, entity: str, record_id: Id, *, change_source: Literal["app", "api"] = "app") -> None:
        self.writes.delete(entity, record_id, Actor(self.me, change_source))

    def merge(
        self, entity: str, loser_id: Id, winner_id: Id, *, change_source: Literal["app", "api"] = "app"
    ) -> Record:
        """Merge two persons, organizations or deals; the winner stays."""
        actor = Actor(self.me, change_source)
        return self._shown(entity, self.writes.merge(entity, loser_id, winner_id, actor))

    def records(self, entity: str) -> dict[Any, Record]:
        """All live records of an entity by id; copies, to look at."""
        with self.account.lock:
            return {row["id"]: self._shown(entity, row) for row in self.account.live(entity)}

    def deal_products(self, deal_id: Id) -> list[Record]:
        """The products on a deal, oldest first."""
        with self.account.lock:
            return [dict(line) for line in api_v2_products.lines_of(self, deal_id)]

    def followers(self, entity: str, record_id: Id) -> list[int]:
        """The ids of the users who follow a record."""
        with self.account.lock:
            return [row["user_id"] for row in api_followers.followers_of(self, entity, record_id)]

    def add_field(
        self, entity: str, name: str, kind: str, options: list[str] | None = None
    ) -> FieldDefinition:
        """Add a custom field to deal, person or organization; its `code` is the key in `custom_fields`."""
        with self.account.lock:
            definition = self.account.fields.add(entity, name, kind, options)
        self.touch()
        return definition

    def field(self, entity: str, name: str) -> FieldDefinition:
        """The field of that label. Raises KeyError when there is none."""
        return self.account.fields.by_name(entity, name)

    def seed_demo(self) -> None:
        """Fill the account with a believable company; does nothing when it was done before."""
        seed_demo(self)

    def wait_until_quiet(self, timeout_s: float = 10.0) -> bool:
        """True once no webhook is queued, under way or waiting for a retry."""
        return self.sender.wait_until_quiet(timeout_s)

    def remove_dead_webhooks(self) -> list[int]:
        """Remove the webhooks without a success in three days, as Pipedrive does; returns their ids."""
        with self.account.lock:
            return self.hooks.remove_dead(self.now())

    def serve(self, port: int = 0, host: str = "127.0.0.1") -> SandboxServer:
        self.sender.resume()
        return SandboxServer(self.app, host, port, on_close=self.close)

    def close(self) -> None:
        """Rest: stop sending webhooks (what is queued waits for the next `serve()`) and save the state."""
        self.let_go()
        self.sender.pause()
        self._state_file.save_now()

    def touch(self) -> None:
        """Something worth saving changed."""
        self._state_file.touch()

    # -- inside

    def _shown(self, entity: str, record: Record) -> Record:
        shown: Record = orjson.loads(orjson.dumps(as_v2(self.account, entity, record)))
        return shown

    def _spread(self, change: Change) -> None:
        """Tell the search index and the hooks; runs under the account's lock, so in the order of the writes."""
        self.search_index.take(change)
        self.touch()
        bodies: dict[str, tuple[Record, str]] = {}
        for hook in self.hooks.by_id.values():
            if not hook.wants(change):
                continue
            if hook.is_muted():
                hook.lost += 1
                continue
            if hook.version not in bodies:
                bodies[hook.version] = self._body(change, hook.version)
            body, event_id = bodies[hook.version]
            self.sender.send(hook, body, event_id, change.entity, change.entity_id, change.action)

    def _body(self, change: Change, version: str) -> tuple[Record, str]:
        permitted = [user["id"] for user in self.account.live("user")]
        if version == "1.0":
            body = payloads.body_v1(self.account, change, self.company_domain, permitted)
            return body, f"v1-{body['meta']['timestamp_micro']}"
        body = payloads.body_v2(self.account, change, self.company_domain, permitted)
        return body, body["meta"]["id"]

    def is_api_path(self, path: str) -> bool:
        return path.startswith(("/api/", "/v1/")) or path in oauth_pages.ENDPOINTS

    def kept_body(self, path: str, body: bytes) -> bytes:
        return b"(kept secret)" if path in oauth_pages.ENDPOINTS else body

    def canned_body(self, status: int) -> dict[str, Any]:
        if status == 401:
            return unauthorized().body
        text = {429: "request over limit", 500: "Internal server error", 503: "Service unavailable"}
        return {"success": False, "error": text.get(status, f"Error {status}"), "errorCode": status}

    def _snapshot(self) -> dict[str, Any]:
        with self.account.lock:
            saved = {"me": self.me, "account": self.account.snapshot(), "hooks": self.hooks.snapshot()}
            copied: dict[str, Any] = orjson.loads(orjson.dumps(saved))
            return copied

    def _restore(self, saved: dict[str, Any]) -> None:
        self.me = saved["me"]
        self.account.restore(saved["account"])
        self.hooks.restore(saved["hooks"])
