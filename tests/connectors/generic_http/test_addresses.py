"""Events fill an address in; only its author says where it leads."""

from __future__ import annotations

import pytest

from automations.connectors.generic_http.actions.request import Request
from automations.connectors.generic_http.addresses import fault_of_address, whole_address
from automations.connectors.generic_http.settings import HttpSettings
from automations.engine.mapping import FieldMapping
from automations.errors import FieldsError

BASE = HttpSettings(base_url="https://api.example.com/v2")
NO_BASE = HttpSettings()


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (BASE, "/orders"),
        (BASE, "/orders/{{ record.id }}?name={{ record.name }}"),
        (BASE, "{{ record.path }}"),
        (BASE, "https://api.example.com/other/{{ record.id }}"),
        (BASE, "https://API.example.com:443/orders"),
        (NO_BASE, "https://hooks.example.com/{{ record.id }}"),
        (NO_BASE, "https://hooks.example.com"),
        (NO_BASE, "http://hooks.example.com:8080?x={{ record.id }}"),
    ],
)
def test_an_address_whose_place_is_written_out_may_be_saved(settings: HttpSettings, url: str) -> None:
    assert fault_of_address(url, settings) == ""


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (NO_BASE, "{{ record.callback }}"),
        (NO_BASE, "/orders"),
        (NO_BASE, "{{ record.scheme }}://hooks.example.com/"),
        (NO_BASE, "https://{{ record.shop }}.example.com/"),
        (NO_BASE, "https://hooks.example.com{{ record.rest }}/"),
        (NO_BASE, "https://hooks.example.com:{{ record.port }}/"),
        (NO_BASE, "https://ada:secret@hooks.example.com/"),
        (BASE, "https://evil.example/{{ record.id }}"),
        (BASE, "http://api.example.com/"),
        (BASE, "https://api.example.com{{ record.rest }}/"),
    ],
)
def test_an_address_that_an_event_could_turn_elsewhere_is_refused_when_saved(
    settings: HttpSettings, url: str
) -> None:
    assert fault_of_address(url, settings)


@pytest.mark.parametrize("header", ["Host", "content-length", "Transfer-Encoding", "Cookie", "two words", ""])
def test_a_header_that_belongs_to_the_connection_is_refused_when_saved(header: str) -> None:
    fields = {"url": "/orders", "headers": {header: "x", "X-Source": "recipe"}}
    ((name, message),) = Request().check_mapping(fields, BASE, None)  # type: ignore[arg-type]
    assert name == f"headers.{header}"
    assert "cannot be set" in message


@pytest.mark.parametrize(
    "path", ["/a/../b", "..", "/a/%2e%2E/b", "./a", "/a/.", "/a\\..\\b", "https://x.example/../a"]
)
def test_no_address_climbs(path: str) -> None:
    with pytest.raises(FieldsError, match="lead elsewhere"):
        whole_address(path, "")


def test_dots_within_names_and_behind_the_path_are_no_climbing() -> None:
    base = "https://api.example.com"
    assert whole_address("/a..b/.well-known?next=../x#..", base) == f"{base}/a..b/.well-known?next=../x#.."


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("a/b", "/orders/a%2Fb/lines?q=a%2Fb"),
        ("x?y=1&z#w", "/orders/x%3Fy%3D1%26z%23w/lines?q=x%3Fy%3D1%26z%23w"),
        ("ü 7", "/orders/%C3%BC%207/lines?q=%C3%BC%207"),
        (7, "/orders/7/lines?q=7"),
        ("https://evil.example", "/orders/https%3A%2F%2Fevil.example/lines?q=https%3A%2F%2Fevil.example"),
    ],
)
def test_what_an_event_brings_stays_one_part_of_the_address(given: object, path: str) -> None:
    url = "/orders/{{ record.id }}/lines?q={{ record.id | urlencode }}"
    mapping = FieldMapping(Request(), {"url": url}, {}, step="call")
    assert mapping.render({"record": {"id": given}}).typed.url == path  # type: ignore[attr-defined]


def test_a_part_that_would_climb_is_refused() -> None:
    mapping = FieldMapping(Request(), {"url": "/orders/{{ record.id }}"}, {}, step="call")
    url = mapping.render({"record": {"id": ".."}}).typed.url  # type: ignore[attr-defined]
    with pytest.raises(FieldsError):
        whole_address(url, "https://api.example.com")


def test_a_part_that_is_missing_makes_the_address_missing() -> None:
    mapping = FieldMapping(Request(), {"url": "/orders/{{ record.id }}"}, {}, step="call")
    with pytest.raises(FieldsError, match="is empty in this record"):
        mapping.render({"record": {}})
