"""What the machine can do at most: each limit runs in a process of its own, told by its first word.

python -m bench.limits flask PORT THREADS     bare Flask on the server that we use
python -m bench.limits requests               a bare loop of `requests`; the order comes on its input
"""

from __future__ import annotations

import json
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import Any

import requests
from flask import Flask, Response

from automations.model.database import sqlite_driver

_COMMITS = 200


def bare_flask() -> Flask:
    """Return an application of one view that answers a constant."""
    app = Flask("bare")

    @app.post("/hooks/pipedrive/nobody")
    def take() -> Response:
        return Response(b'{"success":true}', content_type="application/json")

    return app


def serve_flask(port: int, threads: int) -> None:
    """Serve bare Flask just as the app is served, until SIGTERM."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.http import HTTP1Settings

    Granian(
        "bench.limits:bare_flask",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=1,
        blocking_threads=threads,
        backlog=2048,
        backpressure=512,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=65_536),
        log_enabled=False,
    ).serve()


def post_for(port: int, seconds: float, threads: int) -> float:
    """Return how many calls a second bare `requests` makes, with a session for each thread."""
    counts = [0] * threads
    ends_s = time.monotonic() + seconds

    def work(place: int) -> None:
        with requests.Session() as session:
            while time.monotonic() < ends_s:
                session.post(f"http://127.0.0.1:{port}/call", json=_call(counts[place])).json()
                counts[place] += 1

    workers = [threading.Thread(target=work, args=(place,)) for place in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / seconds


def _call(number: int) -> dict[str, Any]:
    return {"deal": number, "number": number, "stage": 3, "title": f"Coffee machines, floor {number}"}


def commit_ms(folder: Path) -> float:
    """Return the median time of one synced commit of a webhook's size in this folder."""
    path = folder / "commits.db"
    database = sqlite_driver().connect(str(path), isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE event (payload BLOB)")
        times = []
        for _ in range(_COMMITS):
            start_s = time.perf_counter()
            database.execute("BEGIN IMMEDIATE")
            database.execute("INSERT INTO event VALUES (?)", (b"x" * 1200,))
            database.execute("COMMIT")
            times.append(time.perf_counter() - start_s)
    finally:
        database.close()
        path.unlink()
    return statistics.median(times) * 1000


if __name__ == "__main__":
    if sys.argv[1] == "flask":
        serve_flask(int(sys.argv[2]), int(sys.argv[3]))
    else:
        print(json.dumps(post_for(**json.load(sys.stdin))))
