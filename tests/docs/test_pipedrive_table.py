"""Every row of `docs/pipedrive.md` names tests that exist, or says in words why there is none."""

from __future__ import annotations

import ast
import re
from functools import cache

from tests.docs.markdown import DOCS, ROOT

ROWS = 112
_ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| (.+) \|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
TEXT = (DOCS / "pipedrive.md").read_text(encoding="utf-8")


@cache
def names_in(path: str) -> frozenset[str]:
    """Return the names of a file's tests; none where there is no such file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_capability_has_its_row() -> None:
    assert [int(number) for number, _, _ in _ROW.findall(TEXT)] == list(range(1, ROWS + 1))


def test_every_test_that_is_named_exists() -> None:
    named = _TEST.findall(TEXT)
    assert len(named) > ROWS
    assert [f"{path}::{name}" for path, name in named if name not in names_in(path)] == []


def test_a_row_without_a_test_says_why() -> None:
    for number, what, shown in _ROW.findall(TEXT):
        assert _TEST.search(shown) or len(shown) > 40, f"row {number} ({what}) names no test and no reason"
