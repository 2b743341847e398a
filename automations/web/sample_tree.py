"""A sample's fields as a tree to choose from: what each is called, what it holds here, how a template reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from automations.engine.contracts import JsonObject
from automations.engine.conversion import value_words
from automations.web.form_names import encoded
from automations.web.path_words import key_words, path_source, path_words, short

LARGEST: Final = 1_500
DEEPEST: Final = 12
LIST_ITEMS: Final = 20
_FIRST: Final = frozenset(
    {"id", "title", "name", "subject", "email", "phone", "value", "currency", "status", "type"}
)
_LAST: Final = ("changed", "event", "now")

Path = tuple[str | int, ...]


@dataclass
class TreeNode:
    """source: as a template reads it. id: its parts, encoded. note: `looked up`, or empty. value: one line."""

    label: str
    source: str
    id: str
    value: str
    type: str
    note: str = ""
    empty: bool = False
    children: list[TreeNode] = field(default_factory=list)
    open: bool = False


def path_id(path: Iterable[str | int]) -> str:
    """Return a path as one text that says the same for an index and its digits."""
    return "/".join(encoded(str(part)) for part in path)


class _Builder:
    def __init__(self, related: Iterable[str]) -> None:
        self._related = frozenset(related)
        self._left = LARGEST

    def node(self, path: Path, value: Any, depth: int = 0) -> TreeNode:
        self._left -= 1
        last = path[-1]
        label = path_words(path)[-1] if isinstance(last, int) else key_words(last)
        node = TreeNode(label, path_source(path), path_id(path), short(value), value_words(value))
        node.empty = value is None or value in ("", [], {})
        if len(path) == 2 and last in self._related:
            node.note = "looked up"
        if isinstance(value, (dict, list)) and depth < DEEPEST:
            node.children = self.children(path, value, depth + 1)
            node.value = "" if isinstance(value, dict) and value else node.value
        if value is None:
            node.type = ""
        return node

    def children(self, path: Path, value: Any, depth: int) -> list[TreeNode]:
        pairs: list[tuple[str | int, Any]]
        pairs = list(enumerate(value[:LIST_ITEMS])) if isinstance(value, list) else list(value.items())
        if isinstance(value, dict):
            pairs.sort(key=lambda pair: self._rank(path, *pair))
        return [self.node((*path, key), inner, depth) for key, inner in pairs if self._left > 0]

    def _rank(self, path: Path, key: str | int, value: Any) -> int:
        """What people look for first stands first: what it is, who is involved, then the rest."""
        if key in _FIRST:
            return 0
        if len(path) == 1 and key in self._related:
            return 1
        return 3 if isinstance(value, dict) else 2


def sample_tree(
    context: Mapping[str, Any], entity: str, related: Iterable[str], steps: Mapping[str, JsonObject]
) -> list[TreeNode]:
    """Return the top of the tree: the record first, open, then the rest of the context.

    steps: what earlier steps are expected to give, by step name.
    """
    builder = _Builder(related)
    nodes = []
    if entity in context:
        record = builder.node((entity,), context[entity])
        record.open = True
        nodes.append(record)
    if context.get("previous"):
        nodes.append(builder.node(("previous",), context["previous"]))
    for name, outputs in steps.items():
        node = builder.node(("steps", name), outputs)
        node.label, node.note = f"Step {name}", "known after it ran"
        nodes.append(node)
    if "item" in context:
        nodes.append(builder.node(("item",), context["item"]))
    nodes += [builder.node((name,), context[name]) for name in _LAST if name in context]
    return nodes
