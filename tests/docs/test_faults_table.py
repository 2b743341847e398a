"""Every fault in `docs/guarantees.md` has an end state and names tests that exist."""

from __future__ import annotations

import re

from tests.docs.markdown import DOCS
from tests.docs.test_pipedrive_table import names_in

_ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| (`tests/[^|]+`) \|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
TEXT = (DOCS / "guarantees.md").read_text(encoding="utf-8")


def test_every_fault_names_tests_that_exist() -> None:
    rows = _ROW.findall(TEXT)
    assert len(rows) >= 15
    for fault, end, tests in rows:
        named = _TEST.findall(tests)
        assert named, fault
        assert end.strip(), fault
        assert [f"{path}::{name}" for path, name in named if name not in names_in(path)] == []


def test_every_test_of_the_fault_suite_belongs_to_a_row_or_stands_beside_one() -> None:
    named = {path for _, _, tests in _ROW.findall(TEXT) for path, _ in _TEST.findall(tests)}
    suite = {f"tests/faults/{file.name}" for file in (DOCS.parent / "tests" / "faults").glob("test_*.py")}
    assert suite <= named
