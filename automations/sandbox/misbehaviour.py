"""Orders to misbehave: a sandbox that only ever says yes proves nothing.

Each order waits for the next request that fits and is used up by it. `path` is the whole path of the request
as it was sent (`/api/v2/persons`), or a pattern with `*`; `method` narrows further; without them any API
request fits. Pages for people never misbehave.
"""

from __future__ import annotations

import fnmatch
import threading
from dataclasses import dataclass, field
from typing import Literal

Effect = Literal["answer", "delay", "hang_up", "garbage"]

GARBAGE = b"<html><body><h1>Service temporarily confused</h1></body></html>"


@dataclass
class Order:
    """One order. times: how many requests it is good for; None until `behave()`."""

    effect: Effect
    times: int | None
    path: str | None
    method: str | None
    after_work: bool = False
    seconds: float = 0.0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str | bytes | None = None

    def fits(self, path: str, method: str) -> bool:
        if self.method is not None and self.method.upper() != method:
            return False
        return self.path is None or fnmatch.fnmatchcase(path, self.path)


class Misbehaviour:
    """Takes orders and hands them to the requests they fit, oldest first."""

    def __init__(self) -> None:
        self._orders: list[Order] = []
        self._orders_lock = threading.Lock()
        self._wake = threading.Event()

    def answer_next(
        self,
        status: int,
        times: int = 1,
        *,
        retry_after_s: int | None = None,
        path: str | None = None,
        method: str | None = None,
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        after_work: bool = False,
    ) -> None:
        """Answer `status` instead of the truth.

        body: sent as it stands (text starting with `<` as HTML); None gives the product's own error shape.
        after_work: do what was asked first, then answer this.
        """
        self._order_answer(status, times, retry_after_s, path, method, body, headers, after_work)

    def answer_always(
        self,
        status: int,
        *,
        retry_after_s: int | None = None,
        path: str | None = None,
        method: str | None = None,
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        after_work: bool = False,
    ) -> None:
        """Like `answer_next`, until `behave()`."""
        self._order_answer(status, None, retry_after_s, path, method, body, headers, after_work)

    def _order_answer(
        self,
        status: int,
        times: int | None,
        retry_after_s: int | None,
        path: str | None,
        method: str | None,
        body: str | bytes | None,
        headers: dict[str, str] | None,
        after_work: bool,
    ) -> None:
        extra = dict(headers or {})
        if retry_after_s is not None:
            extra["Retry-After"] = str(retry_after_s)
        self._add(Order("answer", times, path, method, after_work, status=status, headers=extra, body=body))

    def delay_next(
        self,
        seconds: float,
        times: int | None = 1,
        *,
        path: str | None = None,
        method: str | None = None,
        after_work: bool = False,
    ) -> None:
        """Wait before working, or with `after_work` between the work and the reply. times=None: always."""
        self._add(Order("delay", times, path, method, after_work, seconds=seconds))

    def hang_up_next(
        self,
        times: int = 1,
        *,
        before_write: bool = True,
        path: str | None = None,
        method: str | None = None,
    ) -> None:
        """Close the TCP connection without a reply, before or after doing the work."""
        self._add(Order("hang_up", times, path, method, after_work=not before_write))

    def garbage_next(
        self,
        times: int = 1,
        *,
        path: str | None = None,
        method: str | None = None,
        after_work: bool = False,
    ) -> None:
        """Answer 200 with something that is not JSON."""
        self._add(Order("garbage", times, path, method, after_work))

    def behave(self) -> None:
        """Forget every order and let go of the requests that are being held."""
        with self._orders_lock:
            self._orders.clear()
        self.let_go()

    def let_go(self) -> None:
        """Let go of the requests that are being held; the orders stay."""
        with self._orders_lock:
            self._wake.set()
            self._wake = threading.Event()

    @property
    def orders_left(self) -> int:
        """How many orders have not been used up yet."""
        with self._orders_lock:
            return len(self._orders)

    def take_orders(self, path: str, method: str) -> list[Order]:
        """At most one delay and one other effect for this request; both are used up by it."""
        if not self._orders:
            return []
        with self._orders_lock:
            taken: list[Order] = []
            for order in list(self._orders):
                same_kind = any((other.effect == "delay") == (order.effect == "delay") for other in taken)
                if same_kind or not order.fits(path, method):
                    continue
                taken.append(order)
                if order.times is not None:
                    order.times -= 1
                    if order.times <= 0:
                        self._orders.remove(order)
            return taken

    def hold(self, seconds: float) -> None:
        """Wait, but no longer than until `behave()`."""
        self._wake.wait(seconds)

    def _add(self, order: Order) -> None:
        with self._orders_lock:
            self._orders.append(order)
