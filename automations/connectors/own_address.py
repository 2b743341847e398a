"""The network policy of an installation that knows how the outside reaches it, and never calls itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from automations.connectors.network_policy import NetworkPolicy, read_url
from automations.errors import BlockedAddressError, RejectedError


class NeverItself(NetworkPolicy):
    """Refuses the address by which the outside reaches this app, whatever it resolves to.

    own_address: such as `https://hooks.example.com`; its name and port count. more: as `NetworkPolicy` takes it.
    """

    def __init__(self, allowed_networks: Sequence[str], own_address: str, **more: Any) -> None:
        super().__init__(allowed_networks, **more)
        self._own = _place(own_address)

    def addresses(self, host: str, port: int, timeout_s: float) -> list[str]:
        if (host.lower().rstrip("."), port) == self._own:
            raise BlockedAddressError(
                f"This address is not allowed. {host} is this app itself; a recipe that calls it would go round in"
                " circles. Put the steps of the other recipe into this one."
            )
        return super().addresses(host, port, timeout_s)


def _place(url: str) -> tuple[str, int] | None:
    try:
        target = read_url(url)
    except RejectedError:
        return None
    return target.host.rstrip("."), target.port
