"""The reference page: everything a recipe can name, read from the registry, with a search over all of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any, TypeVar

from flask import Blueprint, render_template, request
from markupsafe import Markup, escape

from automations.engine.reference import Reference, reference
from automations.engine.reference.markdown import field_meaning, field_takes
from automations.model.states import Role
from automations.web.auth import requires
from automations.web.services import services

blueprint = Blueprint("reference", __name__)

LONGEST_SEARCH = 200
_MARKS = re.compile(r"`([^`]+)`|\*([^*\s][^*]*)\*")
# All that holds words, and not the sample records: a word in one of them would find nearly everything.
_NOT_SEARCHED = frozenset({"sample", "example", "result", "apply", "holds", "parameters", "names"})
_Entry = TypeVar("_Entry")


@dataclass(frozen=True)
class Section:
    """anchor: what a link to it ends with. entries: what the search left of it."""

    title: str
    anchor: str
    lead: str
    entries: tuple[Any, ...]


@blueprint.get("/reference")
@requires(Role.VIEWER)
def index() -> str:
    search = request.args.get("q", "")[:LONGEST_SEARCH]
    sections = [section for section in _sections(reference(services().registry), search) if section.entries]
    return render_template(
        "reference/index.html",
        sections=sections,
        search=search,
        found=sum(len(section.entries) for section in sections),
        problems=services().registry.problems,
        groups=_groups,
        marked=marked,
        field_takes=field_takes,
        field_meaning=field_meaning,
        as_json=partial(json.dumps, ensure_ascii=False),
    )


def _sections(found: Reference, search: str) -> list[Section]:
    words = search.casefold().split()
    found = replace(found, **{name: _matching(entries, words) for name, entries in vars(found).items()})
    return [
        Section("Actions", "actions", "What a step can do.", found.actions),
        Section("Triggers", "triggers", "What a recipe can wait for.", found.triggers),
        Section("Connections", "connections", "What can be connected, and what it asks for.", found.kinds),
        Section(
            "Filters", "filters", "Written after a `|`, as in `{{ deal.title | upper }}`.", found.filters
        ),
        Section("Tests", "tests", "Written after `is`, as in `{{ deal.value is number }}`.", found.tests),
        Section("Conditions", "conditions", "How the two sides of a condition are compared.", found.ops),
        Section("States", "states", "What runs, deliveries and the rest can be.", found.states),
        Section("Errors", "errors", "What can go wrong, and what follows.", found.errors),
    ]


def _matching(entries: Iterable[_Entry], words: list[str]) -> tuple[_Entry, ...]:
    """Return the entries whose texts have every word somewhere."""
    return tuple(entry for entry in entries if all(word in _text_of(entry) for word in words))


def _text_of(entry: Any) -> str:
    told = {name: value for name, value in vars(entry).items() if name not in _NOT_SEARCHED}
    return json.dumps(told, default=vars, ensure_ascii=False).casefold()


def _groups(entries: Iterable[Any]) -> list[tuple[str, list[Any]]]:
    """Return neighbours that share a `group`, under it."""
    return [(name, list(members)) for name, members in groupby(entries, key=lambda entry: entry.group)]


def marked(text: str) -> Markup:
    """Return text with its `code` and its *emphasis* as markup; everything else is escaped."""
    pieces: list[Markup] = []
    at = 0
    for mark in _MARKS.finditer(text):
        pieces.append(escape(text[at : mark.start()]))
        tag = "code" if mark[1] is not None else "em"
        pieces.append(Markup("<{0}>{1}</{0}>").format(Markup(tag), mark[1] or mark[2]))  # noqa: S704 - our own tag
        at = mark.end()
    return Markup("").join([*pieces, escape(text[at:])])
