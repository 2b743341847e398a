"""Run both sandboxes: `python -m automations.sandbox --port 8901 --clevertap-port 8902`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

from .clevertap import ClevertapSandbox
from .pipedrive import PipedriveSandbox


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m automations.sandbox",
        description="A Pipedrive and a CleverTap to try things on: strict, stateful, on this machine only.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8901, help="port of Pipedrive; 0: any free one")
    parser.add_argument("--clevertap-port", type=int, default=8902, help="port of CleverTap; 0: any free one")
    parser.add_argument("--api-token", default="sandbox-token", help="Pipedrive's API token")
    parser.add_argument("--account-id", default="SANDBOX-ACCOUNT", help="CleverTap's account id")
    parser.add_argument("--passcode", default="sandbox-passcode", help="CleverTap's passcode")
    parser.add_argument("--company-domain", default="sandbox", help="Pipedrive company domain to report")
    parser.add_argument("--end-with-parent", action="store_true", help="stop when whoever started it is gone")
    parser.add_argument("--empty", action="store_true", help="leave out the made-up company")
    parser.add_argument(
        "--state-file", type=Path, help="keep everything in this file (and FILE.clevertap) over restarts"
    )
    return parser.parse_args(words)


def _watch_parent(stopped: threading.Event) -> None:
    """A parent that was killed cannot tell its children; they notice that they have another one."""
    parent = os.getppid()
    while os.getppid() == parent:
        stopped.wait(0.5)
    stopped.set()


def main(words: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit status."""
    options = _arguments(words)
    state: Path | None = options.state_file
    pd = PipedriveSandbox(options.api_token, options.company_domain, state_file=state)
    beside = state.with_name(f"{state.name}.clevertap") if state is not None else None
    ct = ClevertapSandbox(options.account_id, options.passcode, state_file=beside)
    pd.keep_requests = ct.keep_requests = 1000
    ct.keep_events = 5000
    if not options.empty:
        pd.seed_demo()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    if options.end_with_parent:
        threading.Thread(target=_watch_parent, args=(stopped,), daemon=True, name="parent").start()
    try:
        pd_server = pd.serve(options.port, options.host)
        with pd_server, ct.serve(options.clevertap_port, options.host) as ct_server:
            pd.clevertap_page_url, ct.pipedrive_page_url = f"{ct_server.url}/", f"{pd_server.url}/"
            print(f"Sandbox Pipedrive  {pd_server.url}/", flush=True)
            print(f"Sandbox CleverTap  {ct_server.url}/", flush=True)
            stopped.wait()
    except OSError as error:
        print(
            f"The sandbox cannot listen: {error}. Choose another --port or --clevertap-port.", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
