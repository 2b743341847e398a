"""A person who connects or disconnects while a refresh is under way has the last word."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from automations.assembly import Assembly
from automations.engine.grants import GrantEndedError
from automations.errors import CredentialsError
from automations.model.states import ConnectionState
from automations.settings import Settings

HERE = "http://127.0.0.1:9"


class SlowSignIn:
    """The other product's side: a refresh is answered when it is let."""

    def __init__(self) -> None:
        self.is_asked, self.may_answer = threading.Event(), threading.Event()
        self.is_ended = False

    def exchange(self, oauth: Any, connection: str, code: str, redirect_uri: str) -> dict[str, Any]:
        return {"access_token": f"access-{code}", "refresh_token": f"refresh-{code}", "expires_in": 3600}

    def refresh(self, oauth: Any, connection: str, refresh_token: str) -> dict[str, Any]:
        self.is_asked.set()
        assert self.may_answer.wait(20)
        if self.is_ended:
            raise GrantEndedError("It was taken back.")
        return {
            "access_token": f"fresh-of-{refresh_token}",
            "refresh_token": refresh_token,
            "expires_in": 3600,
        }

    def revoke(self, oauth: Any, connection: str, token: str) -> None:
        """Nothing to remember."""


class Place:
    def __init__(self, assembly: Assembly, sign_in: SlowSignIn) -> None:
        self.connections = assembly.connections
        self.grants = assembly.connections.grants
        self.sign_in = sign_in
        self.id = self.connections.get("acme").id or 0

    def connect(self, code: str) -> None:
        self.grants.finish(self.id, code, f"{HERE}/back")

    def while_refreshing(self, person: Callable[[], None]) -> str:
        """Let a call find its token refused, the person act meanwhile; return the token, or what was raised."""
        refused = self.connections.open_anew(self.id).grant
        assert refused is not None
        told: list[str] = []

        def call() -> None:
            try:
                told.append(self.grants.access_token(self.id, refused=refused.access_token))
            except CredentialsError as error:
                told.append(type(error).__name__)

        thread = threading.Thread(target=call)
        thread.start()
        assert self.sign_in.is_asked.wait(20)
        person()
        self.sign_in.may_answer.set()
        thread.join(20)
        return told[0]

    @property
    def now(self) -> tuple[ConnectionState, str]:
        opened = self.connections.open_anew(self.id)
        return opened.state, opened.grant.access_token if opened.grant else ""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    assembly = Assembly.make(Settings(instance=tmp_path, allowed_networks="127.0.0.0/8"))
    settings = {"base_url": HERE, "auth": "oauth", "client_id": "app", "client_secret": "secret-of-app"}
    assembly.connections.save("pipedrive", "acme", settings)
    sign_in = SlowSignIn()
    assembly.connections.grants._calls = sign_in  # type: ignore[assignment]
    place = Place(assembly, sign_in)
    place.connect("one")
    yield place
    assembly.close()


def test_nobody_in_between(place: Place) -> None:
    assert place.while_refreshing(lambda: None) == "fresh-of-refresh-one"
    assert place.now == (ConnectionState.OK, "fresh-of-refresh-one")


@pytest.mark.parametrize("is_ended", [False, True])
def test_who_disconnects_stays_disconnected(place: Place, is_ended: bool) -> None:
    place.sign_in.is_ended = is_ended
    assert place.while_refreshing(lambda: place.grants.disconnect(place.id)) == "CredentialsError"
    assert place.now == (ConnectionState.PAUSED, "")


@pytest.mark.parametrize("is_ended", [False, True])
def test_who_connects_anew_keeps_the_new_permission(place: Place, is_ended: bool) -> None:
    place.sign_in.is_ended = is_ended
    assert place.while_refreshing(lambda: place.connect("two")) == "access-two"
    assert place.now == (ConnectionState.OK, "access-two")
