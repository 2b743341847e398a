"""Where the app under fire sends to: targets that remember what came, when, and under which key."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from automations.sandbox import ClevertapSandbox, PipedriveSandbox, SandboxServer
from automations.sandbox.serving import HangUpError


@dataclass(frozen=True)
class Note:
    """One call as it arrived. at_s: this machine's clock, seconds since 1970."""

    deal: int
    number: int
    key: str
    at_s: float


class Notebook:
    """A service behind HTTP that notes every call and does what it is told as often as it is told.

    slow_s: how long it thinks about each call before it notes it.
    failing: the share of calls that go wrong: half of them are refused with 503, the others are noted and then
    answered 500, or not at all. `notes` holds what was noted, in order.
    """

    def __init__(self, failing: float = 0.0, seed: int = 1) -> None:
        self.notes: list[Note] = []
        self.failures = 0
        self.slow_s = 0.0
        self._refused: list[int] = []
        self._failing = failing
        self._chance = random.Random(seed)
        self._lock = threading.Lock()

    def serve(self) -> SandboxServer:
        return SandboxServer(self)

    def refuse_next(self, *deals: int) -> None:
        """Answer the next call about each of these deals with 503, and note nothing of it."""
        with self._lock:
            self._refused += deals

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = orjson.loads(environ["wsgi.input"].read())
        time.sleep(self.slow_s)
        trouble = self._note(body["deal"], body["number"], environ.get("HTTP_IDEMPOTENCY_KEY", ""))
        if trouble == "hang up":
            raise HangUpError
        start_response(trouble or "200 OK", [("Content-Type", "application/json")])
        return [b"{}"]

    def _note(self, deal: int, number: int, key: str) -> str:
        with self._lock:
            trouble = ""
            if self._failing and self._chance.random() < self._failing:
                self.failures += 1
                trouble = self._chance.choice(("503 Busy", "503 Busy", "500 Broken", "hang up"))
            if deal in self._refused:
                self._refused.remove(deal)
                trouble = "503 Busy"
            if not trouble.startswith("503"):
                self.notes.append(Note(deal, number, key, time.time()))
        return trouble


@dataclass
class Targets:
    """Everything that the recipes of a trial send to."""

    notebook: Notebook
    clevertap: ClevertapSandbox
    pipedrive: PipedriveSandbox
    notebook_url: str
    clevertap_url: str
    pipedrive_url: str

    def uploaded(self) -> list[Note]:
        """Return the events that CleverTap took, in order; they carry no key."""
        calls = [call for call in self.clevertap.calls for _ in range(call.taken)]
        return [
            Note(event["evtData"]["Deal"], event["evtData"]["Number"], "", call.at.timestamp())
            for event, call in zip(list(self.clevertap.events), calls, strict=False)
        ]

    def people(self) -> list[str]:
        """Return the first e-mail of every person in Pipedrive; one that was made twice stands there twice."""
        return [
            person["emails"][0]["value"]
            for person in self.pipedrive.records("person").values()
            if person.get("emails")
        ]

    @property
    def count(self) -> int:
        """How much has arrived, of whatever kind: it grows while work is under way."""
        return len(self.notebook.notes) + len(self.clevertap.events) + len(self.pipedrive.requests)


@contextlib.contextmanager
def serving(failing: float = 0.0, seed: int = 1) -> Iterator[Targets]:
    notebook = Notebook(failing, seed)
    clevertap = ClevertapSandbox(account_id="ACC", passcode="passcode-1")
    pipedrive = PipedriveSandbox(api_token="token-of-the-sandbox")
    with notebook.serve() as notes, clevertap.serve() as profiles, pipedrive.serve() as people:
        yield Targets(notebook, clevertap, pipedrive, notes.url, profiles.url, people.url)
