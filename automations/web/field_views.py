"""What a form shows of the fields of a step or trigger: one input, rows of name and value, or rows of values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from automations.web import leaf_text

Pair = tuple[str, str]
Choice = tuple[str, str]
POLICIES: dict[str, str] = {
    "": "as usual",
    "fail": "stop and ask a person",
    "skip": "leave it out",
    "null": "clear it (send null)",
    "default": "send this instead:",
}


@dataclass
class LeafView:
    """One input. name, path: of the input, and of the value as the engine names it inside the step's fields."""

    name: str
    path: str
    text: str = ""
    kind: str = leaf_text.TEXT
    policy: str = ""
    fallback: str = ""
    fallback_kind: str = leaf_text.AUTO
    has_policy: bool = True

    @property
    def multiline(self) -> bool:
        return "\n" in self.text or self.kind == leaf_text.JSON

    def pairs(self) -> Iterator[Pair]:
        yield self.name, self.text
        yield f"{self.name}~", self.kind
        if self.has_policy:
            yield f"{self.name}/missing", self.policy
            yield f"{self.name}/default", self.fallback
            yield f"{self.name}/default~", self.fallback_kind


@dataclass
class RowView:
    """One property. name: of the row. key: what the person called it."""

    name: str
    key: str
    value: LeafView

    def pairs(self) -> Iterator[Pair]:
        yield f"{self.name}/key", self.key
        yield from self.value.pairs()


@dataclass
class FieldView:
    """One declared field, or one that is mapped but not declared (`known` false).

    shape: `one` (leaf), `rows` (an object), `items` (a list), `choice` (one of `choices`). takes_rows: `rows` or
    `items` where the field may have that shape. usual: the
    choice that stands where none is made. mapped: the recipe has a value for it.
    """

    name: str
    path: str
    key: str
    title: str
    help: str = ""
    required: bool = False
    one_of: str = ""
    wanted: str = "a value"
    shape: str = "one"
    takes_rows: str = ""
    directory: str = ""
    usual: str = ""
    choices: list[Choice] = field(default_factory=list)
    multiline: bool = False
    advanced: bool = False
    known: bool = True
    mapped: bool = False
    leaf: LeafView | None = None
    rows: list[RowView] = field(default_factory=list)
    items: list[LeafView] = field(default_factory=list)

    def leaves(self) -> Iterator[LeafView]:
        if self.leaf is not None:
            yield self.leaf
        yield from (row.value for row in self.rows)
        yield from self.items

    def pairs(self) -> Iterator[Pair]:
        if self.shape in ("rows", "items"):
            if self.mapped:
                yield f"{self.name}/shape", self.shape
            for row in self.rows:
                yield from row.pairs()
            for item in self.items:
                yield from item.pairs()
        elif self.leaf is not None:
            yield from self.leaf.pairs()
