"""Rendering templates that may be hostile: in a warm process of its own, killed when it takes too long.

Used where a stranger's template is first met, at saving and in previews. The process is started with nothing
of ours: see `renderer_worker.py`. Only JSON comes back from it.
"""

from __future__ import annotations

import json
import os
import queue
import select
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from automations.engine.templating import Template, TemplateProblem
from automations.engine.templating.limits import MAX_NESTING, RENDERS_PER_WORKER
from automations.errors import AutomationError, MappingError

START_TIMEOUT_S: Final = 30.0
CHECK_TIMEOUT_S: Final = 2.0
BUSY_TIMEOUT_S: Final = 10.0
STRIKES: Final = 2
"""After so many values of one preview ran out of time, the rest is not tried."""
LONGEST_ANSWER: Final = 4 * 1024 * 1024
_ROOT: Final = str(Path(__file__).resolve().parents[2])
_START: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from automations.engine.renderer_worker import main; main()"
)


class _TooSlowError(Exception):
    """The worker did not answer in time."""


class _DiedError(Exception):
    """The worker ended, by a limit of memory or processor time, or wrote nonsense."""


class RenderPool:
    """Some warm worker processes, started at first use. Safe to use from several threads.

    size: workers at most, 1 to 4. Close it, or use it in a `with` statement.
    """

    def __init__(self, size: int = 2) -> None:
        self._free: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        self._size = size
        self._closed = False
        for _ in range(size):
            self._free.put(None)

    def __enter__(self) -> RenderPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def preview(self, tree: Any, context: Mapping[str, Any], timeout_s: float = 1.0) -> Any:
        """Return the tree with every leaf replaced by what it comes to.

        A leaf's result is `{"value": …}`, `{"missing": true, "why": sentence}`, or
        `{"error": {"kind", "message"}}`. Never raises for what a template does. timeout_s: for each value.
        """
        results = iter(self._results([_source(leaf) for leaf in _leaves(tree, 1)], context, timeout_s))
        return _filled(tree, results)

    def check(self, source: Any, known_names: Collection[str] = ()) -> list[TemplateProblem]:
        """Return what `templating.check` says, found out in a worker."""
        request = {"do": "check", "source": _source(source), "known_names": sorted(known_names)}
        try:
            (answer,) = self._ask(request, 1, CHECK_TIMEOUT_S)
        except (_TooSlowError, _DiedError):
            return [TemplateProblem(f"Checking this took longer than {CHECK_TIMEOUT_S:g} s. Simplify it.")]
        return [TemplateProblem(**problem) for problem in answer]

    def close(self) -> None:
        """End the workers, those in use as soon as they are done."""
        self._closed = True
        for _ in range(self._size):
            try:
                worker = self._free.get_nowait()
            except queue.Empty:
                break
            if worker is not None:
                worker.kill()

    def _results(self, leaves: list[Any], context: Mapping[str, Any], timeout_s: float) -> list[Any]:
        results: list[Any] = []
        strikes = 0
        while len(results) < len(leaves):
            request = {"do": "render", "leaves": leaves[len(results) :], "context": context}
            failure = "The preview stopped at an earlier value. Mend that one first."
            if strikes < STRIKES:
                try:
                    for answer in self._ask(request, len(leaves) - len(results), timeout_s):
                        results.append(answer)
                    continue
                except _TooSlowError:
                    failure = f"This template took longer than {timeout_s:g} s. Simplify it."
                except _DiedError:
                    failure = "This template needs too much memory or time. Simplify it."
            strikes += 1
            results.append({"error": {"kind": MappingError.kind, "message": failure}})
        return results

    def _ask(self, request: Any, answers: int, timeout_s: float) -> Iterator[Any]:
        """Give the answers one by one; a worker that fails is killed, and the next request gets a new one."""
        worker = self._taken()
        try:
            worker.send(request, time.monotonic() + timeout_s)
            for _ in range(answers):
                yield worker.receive(time.monotonic() + timeout_s)
            worker.renders += answers
            healthy = worker.renders < RENDERS_PER_WORKER and not self._closed
        except BaseException:
            healthy = False
            raise
        finally:
            if not healthy:
                worker.kill()
            self._free.put(worker if healthy else None)

    def _taken(self) -> _Worker:
        try:
            worker = self._free.get(timeout=BUSY_TIMEOUT_S)
        except queue.Empty:
            raise AutomationError("All previews are busy. Try again in some seconds.") from None
        if worker is not None and worker.is_usable():
            return worker
        try:
            return _Worker()
        except (OSError, _TooSlowError, _DiedError):
            self._free.put(None)
            raise AutomationError(
                "The process for previews could not be started. Check the machine's memory, then try again."
            ) from None


class _Worker:
    """One process and its two pipes; used by one thread at a time."""

    def __init__(self) -> None:
        self.renders = 0
        self._owner = os.getpid()
        self._buffer = bytearray()
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter with our own words
            [sys.executable, "-I", "-B", "-c", _START, _ROOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd=Path(sys.executable).anchor,
            close_fds=True,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        os.set_blocking(self._stdin.fileno(), False)
        try:
            self.receive(time.monotonic() + START_TIMEOUT_S)
        except BaseException:
            self.kill()
            raise

    def is_usable(self) -> bool:
        """A process forked from ours must not share the pipes; it starts workers of its own."""
        if self._owner != os.getpid():
            return False
        if self._process.poll() is None:
            return True
        self.kill()
        return False

    def send(self, request: Any, deadline: float) -> None:
        body = json.dumps(request, default=_as_json).encode()
        rest = memoryview(len(body).to_bytes(4, "big") + body)
        while rest:
            self._wait(self._stdin.fileno(), select.POLLOUT, deadline)
            try:
                rest = rest[os.write(self._stdin.fileno(), rest[:65_536]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise _DiedError from None

    def receive(self, deadline: float) -> Any:
        length = int.from_bytes(self._taken(4, deadline), "big")
        if length > LONGEST_ANSWER:
            raise _DiedError
        try:
            return json.loads(self._taken(length, deadline))
        except ValueError:
            raise _DiedError from None

    def _taken(self, count: int, deadline: float) -> bytes:
        while len(self._buffer) < count:
            self._wait(self._stdout.fileno(), select.POLLIN, deadline)
            received = os.read(self._stdout.fileno(), 65_536)
            if not received:
                raise _DiedError
            self._buffer += received
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    @staticmethod
    def _wait(descriptor: int, event: int, deadline: float) -> None:
        waiter = select.poll()
        waiter.register(descriptor, event)
        left_ms = (deadline - time.monotonic()) * 1000
        if left_ms <= 0 or not waiter.poll(left_ms):
            raise _TooSlowError

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._stdin, self._stdout):
            pipe.close()


def _leaves(tree: Any, depth: int) -> Iterator[Any]:
    if isinstance(tree, (Mapping, list, tuple)) and depth <= MAX_NESTING:
        for entry in tree.values() if isinstance(tree, Mapping) else tree:
            yield from _leaves(entry, depth + 1)
    else:
        yield tree


def _filled(tree: Any, results: Iterator[Any], depth: int = 1) -> Any:
    if isinstance(tree, Mapping) and depth <= MAX_NESTING:
        return {str(key): _filled(entry, results, depth + 1) for key, entry in tree.items()}
    if isinstance(tree, (list, tuple)) and depth <= MAX_NESTING:
        return [_filled(entry, results, depth + 1) for entry in tree]
    return next(results)


def _source(leaf: Any) -> Any:
    return leaf.source if isinstance(leaf, Template) else leaf


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Template):
        return value.source
    raise TypeError(f"a template's context holds plain JSON, not {type(value).__name__}")
