"""Run as a program: sends the events with the SDK that is on the path. Arguments: SDK, host, key."""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any

from tests.segment.sent import COUNT, event

PAUSE_S = 0.003


def send(client: Any, message: dict[str, Any]) -> None:
    kind, user = message["type"], message["userId"]
    if kind == "identify":
        client.identify(user, message["traits"])
    elif kind == "track":
        client.track(user, message["event"], message["properties"])
    elif kind == "group":
        client.group(user, message["groupId"], message["traits"])
    elif kind == "alias":
        client.alias(message["previousId"], user)
    else:
        getattr(client, kind)(user, message["category"], message["name"], message["properties"])


def main(sdk: str, host: str, key: str) -> None:
    package = "rudderstack" if sdk == "rudder" else "segment"
    failures: list[Any] = []
    client = importlib.import_module(f"{package}.analytics.client").Client(
        key, host=host, on_error=lambda error, batch: failures.append((error, len(batch)))
    )
    for number in range(COUNT):
        send(client, event(number))
        time.sleep(PAUSE_S)
    client.flush()
    client.join()
    if failures:
        raise SystemExit(f"the SDK gave up: {failures}")


if __name__ == "__main__":
    main(*sys.argv[1:])
