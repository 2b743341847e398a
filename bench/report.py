"""Where figures go: the table on the screen and in `README.md`, `last.json`, and one more row of `ledger.csv`."""

from __future__ import annotations

import csv
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from automations.model.database import sqlite_driver
from bench.figures import Figure, number
from bench.overview import HEADINGS, overview
from bench.processes import ROOT

_BEGIN, _END = "<!-- last run: begin -->", "<!-- last run: end -->"
_HEADINGS = ("figure", "ours", "limit in the same run", "ratio", "to reach", "reached")


def machine() -> dict[str, str]:
    """Return what the figures stand on."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "revision": _git("rev-parse", "--short", "HEAD")
        + ("+" if _git("status", "--porcelain", "-uno") else ""),
        "cores": str(os.cpu_count()),
        "processor": _processor(),
        "load_before": f"{os.getloadavg()[0]:.2f}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite_driver().sqlite_version,
        "granian": version("granian"),
        "flask": version("flask"),
    }


def _git(*words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def cells(figure: Figure) -> tuple[str, ...]:
    """Return one line of the table."""
    limit = f"{number(figure.limit)} ({figure.beside})" if figure.limit is not None else ""
    reached = {True: "yes", False: "NO", None: ""}[figure.is_reached]
    ratio = f"{figure.ratio:.2f}" if figure.ratio is not None else ""
    return figure.title, f"{number(figure.value)} {figure.unit}", limit, ratio, figure.to_reach, reached


def show(figures: Sequence[Figure], facts: Mapping[str, str]) -> None:
    table = Table(title=" · ".join(f"{name} {value}" for name, value in facts.items()))
    for heading in _HEADINGS:
        table.add_column(heading, justify="right" if heading in ("ours", "ratio") else "left")
    for figure in figures:
        line = cells(figure)
        table.add_row(*line, style="bold red" if line[-1] == "NO" else None)
    wide = Console(width=max(Console().width, 150))
    wide.print(table)
    if lines := overview(figures):
        short = Table(*HEADINGS, title="How it stands, by database and number of workers")
        for line in lines:
            short.add_row(*line)
        wide.print(short)


def keep(folder: Path, figures: Sequence[Figure], facts: Mapping[str, str]) -> None:
    """Write a whole run into the folder's three files."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {"machine": dict(facts), "figures": [_as_json(figure) for figure in figures]}
    (folder / "last.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    _into_readme(folder / "README.md", figures, facts)
    _into_ledger(folder / "ledger.csv", figures, facts)


def _as_json(figure: Figure) -> dict[str, object]:
    return {
        "key": figure.key, "title": figure.title, "unit": figure.unit, "value": round(figure.value, 3),
        "rounds": [round(value, 3) for value in figure.rounds],
        "limit": figure.limit and round(figure.limit, 3), "beside": figure.beside,
        "ratio": figure.ratio and round(figure.ratio, 3), "to_reach": figure.to_reach, "reached": figure.is_reached,
        "note": figure.note,
    }  # fmt: skip


def _into_readme(path: Path, figures: Sequence[Figure], facts: Mapping[str, str]) -> None:
    text = path.read_text() if path.exists() else f"{_BEGIN}\n{_END}\n"
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"{path} has lost the marks {_BEGIN!r} and {_END!r}. Put them back.")
    lines = [" | ".join(f"{name} {value}" for name, value in facts.items()), ""]
    if short := overview(figures):
        lines += [_row(HEADINGS), _row(["---"] * len(HEADINGS)), *map(_row, short), ""]
    lines += [_row(_HEADINGS), _row(["---"] * len(_HEADINGS))]
    lines += [_row(cells(figure)) for figure in figures]
    path.write_text(f"{before}{_BEGIN}\n" + "\n".join(lines) + f"\n{_END}{after}")


def _row(values: Sequence[str]) -> str:
    return "| " + " | ".join(value.replace("|", "/") for value in values) + " |"


def _into_ledger(path: Path, figures: Sequence[Figure], facts: Mapping[str, str]) -> None:
    """Add one row; figures that are new get a column, empty in the rows before them."""
    row = dict(facts)
    for figure in figures:
        row[figure.key] = f"{figure.value:.4g}"
        if figure.ratio is not None:
            row[f"{figure.key}_ratio"] = f"{figure.ratio:.3f}"
    rows: list[dict[str, str]] = []
    columns: list[str] = []
    if path.exists():
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            rows, columns = list(reader), list(reader.fieldnames or ())
    columns += [name for name in row if name not in columns]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows([*rows, row])
