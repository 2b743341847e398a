import _socket
import socket
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automations.connectors.network_policy import (
    NetworkPolicy,
    is_own_address,
    read_url,
    resolve_host,
)
from automations.errors import BlockedAddressError, RejectedError, SettingsError


def nobody(_: str) -> bool:
    return False


OPEN = NetworkPolicy(is_own=nobody)

# The edges of each special range, inside; then the nearest public neighbours.
REFUSED = """
0.0.0.0 0.255.255.255
10.0.0.0 10.255.255.255
100.64.0.0 100.100.100.200 100.127.255.255
127.0.0.0 127.0.0.1 127.255.255.255
168.63.129.16
169.254.0.0 169.254.169.254 169.254.255.255
172.16.0.0 172.31.255.255
192.0.0.0 192.0.0.192 192.0.0.255
192.0.2.0 192.0.2.255
192.88.99.0 192.88.99.255
192.168.0.0 192.168.255.255
198.18.0.0 198.19.255.255
198.51.100.0 198.51.100.255
203.0.113.0 203.0.113.255
224.0.0.0 239.255.255.255
240.0.0.0 255.255.255.254 255.255.255.255
:: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:7f00:1 ::ffff:0:127.0.0.1
0:0:0:0:0:0:0:1 0000:0000:0000:0000:0000:0000:0000:0001
64:ff9b:: 64:ff9b::127.0.0.1 64:ff9b::8.8.8.8 64:ff9b::ffff:ffff
64:ff9b:1:: 64:ff9b:1:ffff:ffff:ffff:ffff:ffff
100:: 100::ffff:ffff:ffff:ffff 100:0:0:1::
2001:: 2001::1 2001:0:ffff:ffff:ffff:ffff:ffff:ffff
2001:2:: 2001:10:: 2001:1f:ffff:: 2001:20:: 2001:2f:ffff:ffff:ffff:ffff:ffff:ffff
2001:db8:: 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff
2002:: 2002:7f00:1:: 2002:808:808::1 2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff
3fff:: 3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff
5f00:: 5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff
4000:: 8000:: e000::1
fc00:: fd00:ec2::254 fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
fe80:: fe80::1%eth0 febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff
fec0:: feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
ff00:: ff02::1 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
2600::1%eth0
nonsense 127.1 0x7f.1 2130706433 1.2.3.4.5
"""
ALLOWED = """
1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0
191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0
198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
::ffff:8.8.8.8 ::ffff:808:808
2001:200:: 2001:db7:ffff:ffff:ffff:ffff:ffff:ffff 2001:db9:: 2003:: 2600::1 2a00:1450::1
3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff 3fff:1000::
"""


@pytest.mark.parametrize("address", REFUSED.split())
def test_special_address_is_refused(address: str) -> None:
    assert not OPEN.allows(address, 443)
    assert not OPEN.allows(address, 80)


@pytest.mark.parametrize("address", ALLOWED.split())
def test_public_address_is_allowed_on_the_two_public_ports(address: str) -> None:
    assert OPEN.allows(address, 443)
    assert OPEN.allows(address, 80)
    for port in (0, 22, 8080, 65535):
        assert not OPEN.allows(address, port)


def without_asking(host: str, port: int, timeout_s: float) -> list[str]:
    """The system's own resolver, told to read numbers only: it turns `127.1` into loopback by itself."""
    if host == "localhost":
        return ["::1", "127.0.0.1"]
    return [str(row[4][0]) for row in _socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)]


LOOPBACK = """
127.0.0.1 127.1 127.0.1 0x7f.1 0x7f000001 2130706433 0177.0.0.1 0  localhost LOCALHOST １２７.0.0.1 127。0。0。1
ⓛocalhost [::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [0:0:0:0:0:0:0:1] [::]
"""


@pytest.mark.parametrize("spelling", LOOPBACK.split())
def test_every_spelling_of_this_machine_is_refused(spelling: str) -> None:
    try:
        target = read_url(f"http://{spelling}/")
    except RejectedError:
        return
    with pytest.raises((BlockedAddressError, OSError)):
        NetworkPolicy(resolve=without_asking, is_own=nobody).addresses(target.host.strip("[]"), 80, 2.0)


def test_allowed_network_opens_all_its_ports_and_nothing_else() -> None:
    policy = NetworkPolicy(["127.0.0.0/8", " 10.1.2.3/24 ", "fd00::/8"], is_own=nobody)
    for address in ("127.0.0.1", "::ffff:127.9.9.9", "10.1.2.255", "fd00::1"):
        assert policy.allows(address, 8901)
    for address in ("10.1.3.0", "::1", "0.0.0.0", "192.168.0.1", "8.8.8.8"):
        assert not policy.allows(address, 8901)
    assert policy.allows("8.8.8.8", 443)


def test_wrapped_ipv4_is_unwrapped_before_connecting() -> None:
    policy = NetworkPolicy(["127.0.0.0/8"], resolve=lambda *_: ["::ffff:127.0.0.1"])
    assert policy.addresses("x.example", 1, 1.0) == ["127.0.0.1"]


def test_own_public_address_and_own_ports_are_refused() -> None:
    policy = NetworkPolicy(
        ["127.0.0.0/8", "10.0.0.0/8"], own_ports=[8000], is_own={"9.9.9.9", "10.0.0.5"}.__contains__
    )
    assert not policy.allows("9.9.9.9", 443)
    assert policy.allows("9.9.9.8", 443)
    for address in ("127.0.0.1", "127.8.8.8", "10.0.0.5"):
        assert not policy.allows(address, 8000)
        assert policy.allows(address, 8901)
    assert policy.allows("10.0.0.6", 8000)


def test_own_address_is_recognised() -> None:
    assert is_own_address("127.0.0.1")


@pytest.mark.parametrize("text", ["localhost", "10.0.0.0/33", "", "http://10.0.0.1"])
def test_wrong_setting_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="AUTOMATIONS_ALLOWED_NETWORKS"):
        NetworkPolicy([text])


def test_one_bad_address_among_good_ones_refuses_the_name() -> None:
    for answer in (["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["8.8.8.8", "fe80::1%eth0"]):
        policy = NetworkPolicy(resolve=lambda *_, answer=answer: answer, is_own=nobody)
        with pytest.raises(BlockedAddressError) as caught:
            policy.addresses("mixed.example", 443, 1.0)
        assert "127" not in str(caught.value)
    with pytest.raises(socket.gaierror):
        NetworkPolicy(resolve=lambda *_: []).addresses("empty.example", 443, 1.0)


def test_each_connection_is_checked_anew() -> None:
    answers: list[Sequence[str]] = [["8.8.8.8"], ["127.0.0.1"]]
    policy = NetworkPolicy(resolve=lambda *_: answers.pop(0), is_own=nobody)
    assert policy.addresses("rebinding.example", 443, 1.0) == ["8.8.8.8"]
    with pytest.raises(BlockedAddressError):
        policy.addresses("rebinding.example", 443, 1.0)


# -- resolving --------------------------------------------------------------------------------------


def test_slow_resolver_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(5) and [])
    try:
        with pytest.raises(TimeoutError):
            resolve_host("slow.example", 443, 0.05)
    finally:
        over.set()


def test_addresses_need_no_resolver_and_names_give_each_address_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(resolve_host("127.0.0.1", 1, 1.0)) == ["127.0.0.1"]
    rows = [(2, 1, 6, "", (address, 1)) for address in ("8.8.8.8", "9.9.9.9", "8.8.8.8")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
    assert list(resolve_host("name.example", 1, 1.0)) == ["8.8.8.8", "9.9.9.9"]


@pytest.mark.parametrize("host", ["nobody.invalid", "a" * 64 + ".invalid", "a..invalid"])
def test_unknown_name_is_an_os_error(host: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011
        resolve_host(host, 443, 2.0)


# -- the text of an address ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://API.Example/a%2fb?x=1", "https://api.example/a%2Fb?x=1"),
        ("http://api.example:80", "http://api.example/"),
        ("https://api.example:8443/", "https://api.example:8443/"),
        ("https://münchen.example/ü?q=ü", "https://xn--mnchen-3ya.example/%C3%BC?q=%C3%BC"),
        ("http://[2001:DB8::1]:81/", "http://[2001:db8::1]:81/"),
        ("https://api.example./a...b/.c?u=/../x", "https://api.example./a...b/.c?u=/../x"),
    ],
)
def test_plain_address_is_read(url: str, wanted: str) -> None:
    assert read_url(url).url == wanted


@pytest.mark.parametrize(
    "url",
    [
        "", "api.example/x", "//api.example/", "ftp://api.example/", "file:///etc/passwd", "javascript:alert(1)",
        "https://", "https:///x", "https://me@api.example/", "https://me:pw@api.example/", "https://@api.example/",
        "https://good.example@127.0.0.1/", "https://good.example\\@127.0.0.1/", "https://api.example/#f",
        "https://api.example/#", "https://api.example/a b", "https://api.example/\r\nX: y", "https://api.example/\x00",
        "https://api.example/\u2028", "https://api.example/\u3000x", "https://api.example:0/",
        "https://api.example:65536/", "https://api.example:-1/", "https://api.example:x/", "https://a%00b.example/",
        "https://a%2eexample/", "https://[::1%25eth0]/", "https://[::1/", "https://a..b/", "https://.a/",
        "https://api.example/../x", "https://api.example/a/./b", "https://api.example/a/%2E%2e/b",
        "https://api.example/a/..", "https://a,b.example/", "https://*.example/", "https://api.example/" + "a" * 2048,
    ],
)  # fmt: skip
def test_other_address_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(RejectedError, match="cannot be used") as caught:
        read_url(url)
    assert "pw" not in str(caught.value)


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_any_text_is_read_or_refused(text: str, params: dict[str, str]) -> None:
    for url in (text, f"https://{text}", f"https://api.example/{text}", f"https://api.example/?{text}"):
        try:
            target = read_url(url, params)
        except RejectedError:
            continue
        assert target.url.isascii()
        assert read_url(target.url).url == target.url


def test_params_join_the_query_that_is_there() -> None:
    assert read_url("https://a.example/?x=1", {"b": "ü &", "c": [1, None, True], "d": None}).path == (
        "/?x=1&b=%C3%BC+%26&c=1&c=true"
    )
    assert read_url("https://a.example", {"b": 1}).path == "/?b=1"


def test_host_of_a_connection_is_compared_whole() -> None:
    target = read_url("https://api.acme.example./")
    assert target.is_one_of(["API.acme.example"])
    assert target.is_one_of(["api.acme.example:443"])
    assert not target.is_one_of(["acme.example", "api.acme.example:80", "xapi.acme.example", ""])
