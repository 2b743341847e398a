"""Which addresses outgoing calls may reach.

Two tests, at two moments. `read_url` looks at the text before anything happens. `NetworkPolicy` looks at
what the name resolved to, at the moment of connecting, and the connection then goes to exactly the
addresses it returned: testing the text alone is useless, since `127.1` or `0x7f.1` become loopback only in
the resolver, and a name may resolve differently a second time.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from queue import Empty, SimpleQueue
from typing import Final
from urllib.parse import urlencode

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from automations.errors import BlockedAddressError, RejectedError, SettingsError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int, float], Sequence[str]]

LONGEST_URL: Final = 2048
PUBLIC_PORTS: Final = frozenset({80, 443})

_DEFAULT_PORT: Final = {"http": 80, "https": 443}
# C0, blank, DEL, C1, and the backslash that browsers and libraries read differently.
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ufeff]|\s")
_NAME: Final = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")
_BRACKETED: Final = re.compile(r"\[[0-9a-f:.]+\]")
_AUTHORITY: Final = re.compile(r"[/?#].*", re.DOTALL)
_DOTS: Final = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)

# The registries call these global, or some Python version does, but none of them is a public server:
# protocol assignments and an Oracle metadata address, 6to4 relays, Azure's host agent, then the IPv6
# spellings that carry an IPv4 address (NAT64, Teredo, 6to4), ORCHID, documentation and segment routing.
# Source: IANA special-purpose address registries and the `ipaddress` module of Python 3.11.7, 2026-11.
_NEVER_PUBLIC: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "168.63.129.16/32",
        "100.64.0.0/10",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/32",
        "2001:10::/28",
        "2001:20::/28",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
    )
)
# All of IPv6 that IANA has given out to public networks.
_PUBLIC_IPV6: Final = ipaddress.IPv6Network("2000::/3")


@dataclass(frozen=True, slots=True)
class Target:
    """An address as the connecting library reads it; the text is never parsed again.

    scheme: `http` or `https`. host: lower-case ASCII, IPv6 in brackets. path: with the query; starts with `/`.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The host, with the port where it is not the scheme's own."""
        return self.host if self.port == _DEFAULT_PORT[self.scheme] else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    def is_one_of(self, hosts: Collection[str]) -> bool:
        """Say whether the host is in `hosts`; an entry `host:port` names one port, a bare host all of them."""
        known = {host.lower() for host in hosts}
        bare = self.host.rstrip(".")
        return bare in known or f"{bare}:{self.port}" in known


def read_url(url: str, params: Mapping[str, object] | None = None) -> Target:
    """Return where a call goes. `params` are added to the query, lists as repeated names, None left out.

    Raises RejectedError when it is not a plain http or https address: with user information, a fragment,
    blank or control characters, a backslash, `.` or `..` in its path, or more than 2048 characters.
    """
    target = _read(url)
    target = replace(target, path=_with_query(target.path, params)) if params else target
    if len(target.url) > LONGEST_URL:
        raise _bad_url(f"it is longer than {LONGEST_URL} characters")
    return target


@lru_cache(maxsize=512)
def _read(url: str) -> Target:
    if _FORBIDDEN.search(url):
        raise _bad_url("it has a blank, a control character or a backslash in it")
    try:
        parsed = parse_url(url)
    except LocationParseError as error:
        raise _bad_url("it cannot be read as an address") from error
    if parsed.scheme not in _DEFAULT_PORT:
        raise _bad_url("it does not begin with http:// or https://")
    authority = _AUTHORITY.sub("", url.partition("://")[2])
    if "@" in authority:
        raise _bad_url("it has a user name or password in it; those belong in the connection's settings")
    if parsed.fragment is not None:
        raise _bad_url("it has a part after #, which is never sent")
    host = (parsed.host or "").lower()
    if "%" in authority or not ((len(host) <= 253 and _NAME.fullmatch(host)) or _BRACKETED.fullmatch(host)):
        raise _bad_url("its host is not a name or an IP address")
    # parse_url has taken dot segments out already, so the text as it came is looked at.
    if _DOTS.search(url.split("?", 1)[0].partition("://")[2]):
        raise _bad_url("its path has a part . or ..")
    if parsed.port == 0:
        raise _bad_url("its port is 0")
    port = parsed.port or _DEFAULT_PORT[parsed.scheme]
    return Target(parsed.scheme, host, port, parsed.request_uri)


def _with_query(path: str, params: Mapping[str, object] | None) -> str:
    given = {name: _query_value(value) for name, value in (params or {}).items() if value is not None}
    if not given:
        return path
    return f"{path}{'&' if '?' in path else '?'}{urlencode(given, doseq=True)}"


def _query_value(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return [_query_value(entry) for entry in value if entry is not None]
    return value


def _bad_url(fact: str) -> RejectedError:
    return RejectedError(
        f"The address of this call cannot be used: {fact}. Correct the step's or the connection's address."
    )


def resolve_host(host: str, port: int, timeout_s: float) -> Sequence[str]:
    """Return the addresses of a name, in the resolver's order, each once; an IP address stands for itself.

    The C resolver knows no time limit, so it runs in a thread that is left behind when it takes too long;
    at most 32 of those at a time. Raises TimeoutError, or OSError when the name cannot be found.
    """
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    give_up_at_s = time.monotonic() + timeout_s
    if not _resolving.acquire(timeout=timeout_s):
        raise TimeoutError("too many names are being looked up")
    answer: SimpleQueue[list[str] | OSError] = SimpleQueue()
    threading.Thread(target=_look_up, args=(host, port, answer), name="resolver", daemon=True).start()
    try:
        found = answer.get(timeout=max(0.0, give_up_at_s - time.monotonic()))
    except Empty:
        raise TimeoutError("looking up the name took too long") from None
    if isinstance(found, OSError):
        raise found
    return found


_resolving = threading.BoundedSemaphore(32)


def _look_up(host: str, port: int, answer: SimpleQueue[list[str] | OSError]) -> None:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        answer.put(list(dict.fromkeys(str(row[4][0]) for row in rows)))
    except OSError as error:
        answer.put(error)
    except UnicodeError as error:
        # The codec for names refuses labels that are empty or too long.
        answer.put(socket.gaierror(socket.EAI_NONAME, str(error)))
    finally:
        _resolving.release()


def is_own_address(address: str) -> bool:
    """Say whether this machine has the address: only then does the system answer it from itself.

    Connecting a datagram socket chooses a route and sends nothing. (Trying to bind would say yes to
    everything on machines that may bind foreign addresses.)
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return bool(probe.getsockname()[0] == address)
    except OSError:
        return False


class NetworkPolicy:
    """Says where outgoing calls may go; made once from the settings and shared by all threads.

    allowed_networks: CIDR texts, such as `10.0.0.0/8`; inside them every port is free. Everywhere else an
    address must be public and the port 80 or 443. own_ports: ports this installation listens on, refused
    on the machine's own addresses even inside an allowed network, so that it never calls itself.
    resolve, is_own: as `resolve_host` and `is_own_address`.

    Raises SettingsError when a text is not a network.
    """

    def __init__(
        self,
        allowed_networks: Sequence[str] = (),
        *,
        own_ports: Collection[int] = (),
        resolve: Resolver = resolve_host,
        is_own: Callable[[str], bool] = is_own_address,
    ) -> None:
        self._allowed = tuple(_network(text) for text in allowed_networks)
        self._own_ports = frozenset(own_ports)
        self._resolve = resolve
        self._is_own = is_own

    def addresses(self, host: str, port: int, timeout_s: float) -> list[str]:
        """Return the addresses to connect to, after asking the resolver once.

        host: a name, or an IP address without brackets. Raises BlockedAddressError if any of the addresses
        is refused, without telling which; TimeoutError or another OSError if the name was not found.
        """
        found = self._resolve(host, port, timeout_s)
        checked = [self._checked(text, port) for text in found]
        if not checked:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        if None in checked:
            raise BlockedAddressError(
                f"This address is not allowed. {host} is in a private network or on an unusual port; if calls"
                " should go there, the operator adds its network to AUTOMATIONS_ALLOWED_NETWORKS."
            )
        return [text for text in checked if text is not None]

    def allows(self, address: str, port: int) -> bool:
        """Say whether a call may go to this IP address, given as text, and port."""
        return self._checked(address, port) is not None

    def _checked(self, text: str, port: int) -> str | None:
        """Return the address to connect to (IPv4 where IPv6 only wraps it), or None if it is refused."""
        try:
            address: Address = ipaddress.ip_address(text)
        except ValueError:
            return None
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        plain = str(address)
        if any(address in network for network in self._allowed):
            return None if port in self._own_ports and self._is_ours(address) else plain
        if port in PUBLIC_PORTS and is_public(address) and not self._is_ours(address):
            return plain
        return None

    def _is_ours(self, address: Address) -> bool:
        return address.is_loopback or address.is_unspecified or self._is_own(str(address))


def is_public(address: Address) -> bool:
    """Say whether the address belongs to a public server.

    A positive list: the several flags overlap on purpose, because Python versions disagree on each.
    """
    if isinstance(address, ipaddress.IPv6Address) and (address.scope_id or address not in _PUBLIC_IPV6):
        return False
    special = (
        address.is_multicast
        or address.is_reserved
        or address.is_loopback
        or address.is_link_local
        or address.is_unspecified
        or address.is_private
    )
    return address.is_global and not special and not any(address in network for network in _NEVER_PUBLIC)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise SettingsError(
            f"AUTOMATIONS_ALLOWED_NETWORKS holds {text!r}, which is not a network. Write it like 10.0.0.0/8."
        ) from error
