"""What every kind of connection promises, whoever wrote it."""

from __future__ import annotations

import pytest

from automations.connectors.http import Door, SessionPool
from automations.engine.contracts import ConnectionKind, ConnectionReport, InboundRequest
from automations.errors import CredentialsError, InputError
from tests.conformance.conftest import Remembered
from tests.conformance.places import PLACES, SECRET


def test_its_form_can_be_drawn(kind: ConnectionKind) -> None:
    assert (kind.__doc__ or "").strip()
    for name, part in kind.Settings.model_json_schema()["properties"].items():
        assert part.get("title"), f"{name} has no title"


def test_its_secrets_do_not_show_when_its_settings_are_printed(kind: ConnectionKind) -> None:
    if kind.kind not in PLACES:
        return
    given = PLACES[kind.kind]().settings
    settings = kind.settings_table(given).model_validate({**given, "base_url": "http://127.0.0.1:9"})
    assert SECRET not in repr(settings)


@pytest.mark.parametrize("secret", [SECRET, "wr0ng-77aa1c5e02"])
def test_its_account_can_be_tried(kind: ConnectionKind, pool: SessionPool, secret: str) -> None:
    if kind.kind not in PLACES:
        return
    place = PLACES[kind.kind]()
    given = {name: secret if value == SECRET else value for name, value in place.settings.items()}
    with place.sandbox.serve(port=0) as server:
        base_url = f"{server.url}/orders" if kind.kind == "http" else server.url
        settings = kind.settings_table(given).model_validate({**given, "base_url": base_url})
        door = Door(pool, connection="tried", secrets=[secret], allowed_hosts=kind.hosts(settings))
        client = kind.client(settings, door, Remembered())
        if secret == SECRET:
            report = kind.test(client)
            assert isinstance(report, ConnectionReport)
            assert SECRET not in repr(report)
        else:
            with pytest.raises(CredentialsError) as caught:
                kind.test(client)
            assert secret not in caught.value.message


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"7", b'"x"', b"\xff\xfe", b'{"a": NaN}', b"[" * 100 + b"]" * 100]
)
def test_nothing_wrong_gets_past_its_receiver(kind: ConnectionKind, body: bytes) -> None:
    if not kind.receives:
        return
    with pytest.raises(InputError) as caught:
        kind.receive(InboundRequest(body, "application/json", {}))
    assert caught.value.status in (400, 413, 415)


def test_what_it_receives_it_can_read_again(kind: ConnectionKind) -> None:
    if kind.kind != "webhook":
        return
    (arrival,) = kind.receive(InboundRequest(b'{"id": 7, "name": "Ines"}', "application/json", {}))
    assert kind.read(arrival.topic, arrival.payload).record == {"id": 7, "name": "Ines"}
