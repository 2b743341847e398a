"""A library that is kept away is missing for the imports in the block, and only there."""

from __future__ import annotations

import importlib
import sys

import pytest

from automations.absent import absent


def test_it_is_missing_in_the_block_and_there_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with absent("this"), pytest.raises(ImportError):
        importlib.import_module("this")
    assert "this" not in sys.modules
    assert importlib.import_module("this").__name__ == "this"


def test_what_was_loaded_before_stays() -> None:
    with absent("sys"):
        assert importlib.import_module("sys") is sys


def test_it_is_back_when_an_import_in_the_block_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with pytest.raises(ModuleNotFoundError), absent("this"):
        importlib.import_module("no_such_module_anywhere")
    assert "this" not in sys.modules
