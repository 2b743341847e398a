"""`make crash`: kill -9 again and again while webhooks come in, then see what of the promises is left.

    python -m tests.crash --seed 7 --kills 200 --webhooks 20000 --database sqlite
    python -m tests.crash --order

Prints a table; ends with 1 when a promise was broken, and with the first lines of what broke it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.crash.findings import Findings, table
from tests.crash.trial import Plan, Trial
from tests.postgres_server import running_postgres

DATABASES = ("sqlite", "postgresql")
#: `--order`: no kills, but a target that fails now and then.
ORDER = {"webhooks": 100_000, "changes": 16, "kills": 0, "workers": 4, "failing": 0.01, "recipes": ("calls",)}


def main() -> int:
    options = _options()
    console = Console(width=160)
    findings = [
        _tried(database, options, console) for database in DATABASES if options.database in (database, "both")
    ]
    headings, *lines = table(findings)
    shown = Table(*headings)
    for line in lines:
        shown.add_row(*line)
    console.print(shown)
    for one in findings:
        for promise, what in one.breaches.items():
            for line in what[:10]:
                console.print(f"{one.database}, {promise}: {line}", style="red", markup=False)
    return 0 if all(one.is_kept for one in findings) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make crash ARGS=", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--seed", type=int, default=int(time.time()) % 100_000, help="for the same kills again"
    )
    parser.add_argument("--kills", type=int)
    parser.add_argument("--webhooks", type=int)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--database", choices=(*DATABASES, "both"), default="both")
    parser.add_argument("--within", type=float, default=1_500.0, help="seconds a database may take")
    parser.add_argument(
        "--order", action="store_true", help="100,000 webhooks, four workers, random failures"
    )
    return parser.parse_args()


def _tried(database: str, options: argparse.Namespace, console: Console) -> Findings:
    given = {"kills": options.kills, "webhooks": options.webhooks, "workers": options.workers}
    chosen = (ORDER if options.order else {}) | {
        name: value for name, value in given.items() if value is not None
    }
    plan = Plan(database, seed=options.seed, within_s=options.within, **chosen)
    console.print(
        f"{database}: {plan.webhooks:,} webhooks, {plan.kills} kills, {plan.workers} workers, seed {plan.seed}"
    )
    began_s = time.monotonic()

    def say(text: str) -> None:
        console.print(f"  {time.monotonic() - began_s:5.0f} s  {text}", highlight=False)

    with tempfile.TemporaryDirectory(prefix="automations-crash-") as folder, _database(database) as url:
        return Trial(plan, Path(folder), url, say).run()


@contextmanager
def _database(name: str) -> Iterator[str]:
    if name == "sqlite":
        yield ""
        return
    with running_postgres() as server, server.fresh_database() as url:
        yield url


if __name__ == "__main__":
    sys.exit(main())
