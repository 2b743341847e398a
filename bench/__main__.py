"""`python -m bench`: measure everything on 127.0.0.1, print one table, keep it beside this file."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from bench import clevertap_many, delivery, history, intake, matching, report, rest, workers
from bench.figures import Figure
from bench.installation import Installation
from bench.processes import ROOT, BenchError, target
from bench.setting import Setting
from bench.speed import Machine

MEASURES = {
    **intake.MEASURES,
    **delivery.MEASURES,
    **rest.MEASURES,
    **workers.MEASURES,
    **matching.MEASURES,
    **clevertap_many.MEASURES,
    **history.MEASURES,
}


def main(words: list[str] | None = None) -> int:
    """Measure; 0 whatever the figures are, 1 when something could not be measured."""
    options = _options(words)
    signal.signal(signal.SIGTERM, _leave)
    os.environ.pop("AUTOMATIONS_DATABASE_URL", None)
    facts = report.machine()
    try:
        figures, speed = _measured(options.only or list(MEASURES), options.quick)
    except BenchError as error:
        print(f"The benchmark could not go on: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    facts |= speed
    report.show(figures, facts)
    if options.keep is not None:
        report.keep(options.keep, figures, facts)
    elif not (options.only or options.quick):
        report.keep(Path(__file__).parent, figures, facts)
    return 0


def _options(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round each; nothing is kept")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(MEASURES),
        metavar="NAME",
        help=f"of {', '.join(MEASURES)}; nothing is kept",
    )
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="keep the figures there, whatever was measured"
    )
    return parser.parse_args(words)


def _leave(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _measured(names: list[str], quick: bool) -> tuple[list[Figure], dict[str, str]]:
    """Return the figures, and how fast the machine was found to be where any of them asked."""
    # Beside the installation's own folder: the temporary folder of many machines is no disk.
    place = ROOT / "instance"
    place.mkdir(exist_ok=True)
    figures: list[Figure] = []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=place)))
        log = folder / "processes.log"
        sink = stack.enter_context(target(log))
        sandbox = stack.enter_context(target(log, sandbox=True))
        machine = Machine(sink, log, quick=quick)
        for name in names:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            # Each on a database of its own, so that none pays for what another left.
            own = folder / name
            own.mkdir()
            home = Installation(own, sink_port=sink.port, sandbox_port=sandbox.port)
            figures += MEASURES[name](Setting(home, sink, sandbox, machine, quick))
    return figures, machine.facts


if __name__ == "__main__":
    sys.exit(main())
