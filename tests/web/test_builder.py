from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from automations.assembly import Assembly
from automations.engine.definition import read_definition
from tests.web.builder_pages import Browser, make_assembly
from tests.web.test_builder_form import DEAL_TO_PROFILE


@pytest.fixture
def assembly(tmp_path: Path) -> Iterator[Assembly]:
    made = make_assembly(tmp_path)
    yield made
    made.close()


@pytest.fixture
def browser(assembly: Assembly) -> Browser:
    return Browser.signed_in(assembly)


def test_page_holds_the_whole_form(browser: Browser) -> None:
    tree = read_definition(DEAL_TO_PROFILE).as_tree()
    number = browser.saved(DEAL_TO_PROFILE)
    answer = browser.post(f"/recipes/{number}/save", browser.form(number))
    assert answer.status_code == 200
    assert browser.tree(number) == tree
