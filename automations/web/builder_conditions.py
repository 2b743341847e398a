"""Conditions as rows of a form: a view of the tree, its inputs, and the tree read back from them.

A group is `all`, `any` or `not`; a lone comparison is the group kind `bare`, so that it stays alone until a second
row joins it. What the rows cannot show stands as JSON and is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from automations.engine.conditions import OPS
from automations.web import leaf_text
from automations.web.form_names import indexes, joined

Pair = tuple[str, str]
GROUP_KINDS = ("all", "any", "not")
LIST_OPS = ("in", "not_in")
_LEAF_KEYS = {"left", "op", "right", "ignore_case"}


@dataclass
class ConditionView:
    """One node. name: of its inputs. path: as the engine names it, from the start of the recipe.

    type: `group` (kind, members), `leaf` (left, op, right, ignore_case), `expression` or `raw` (text).
    """

    name: str
    path: str
    type: str
    kind: str = ""
    members: list[ConditionView] = field(default_factory=list)
    left: str = ""
    op: str = "equals"
    right: str = ""
    right_kind: str = leaf_text.AUTO
    ignore_case: bool = False
    text: str = ""

    @property
    def takes_right(self) -> bool:
        doc = OPS.get(self.op)
        return doc is None or doc.takes_right

    @property
    def shown_kind(self) -> str:
        return "all" if self.kind == "bare" else self.kind

    def walk(self) -> Iterator[ConditionView]:
        yield self
        for member in self.members:
            yield from member.walk()

    def pairs(self) -> Iterator[Pair]:
        """Return what a browser would send."""
        yield f"{self.name}/type", self.type
        if self.type == "group":
            yield f"{self.name}/kind", self.kind
            for member in self.members:
                yield from member.pairs()
        elif self.type == "leaf":
            yield f"{self.name}/left", self.left
            yield f"{self.name}/op", self.op
            yield f"{self.name}/right", self.right
            yield f"{self.name}/right~", self.right_kind
            if self.ignore_case:
                yield f"{self.name}/case", "1"
        else:
            yield f"{self.name}/text", self.text


def view_condition(tree: Any, name: str, path: str) -> ConditionView:
    """Return the view of a whole `only_if`; none at all is a group without members."""
    if tree is None:
        return ConditionView(name, path, "group", kind="all")
    if _is_leaf(tree):
        return ConditionView(name, path, "group", kind="bare", members=[_leaf(tree, joined(name, 0), path)])
    return _node(tree, name, path)


def _node(tree: Any, name: str, path: str) -> ConditionView:
    if isinstance(tree, str) and leaf_text.is_plain(tree):
        return ConditionView(name, path, "expression", text=tree)
    if _is_leaf(tree):
        return _leaf(tree, name, path)
    group = _group(tree, name, path)
    return group or ConditionView(name, path, "raw", text=leaf_text.as_json(tree))


def _is_leaf(tree: Any) -> bool:
    return (
        isinstance(tree, Mapping)
        and set(tree) <= _LEAF_KEYS
        and {"left", "op"} <= set(tree)
        and isinstance(tree["left"], str)
        and leaf_text.is_plain(tree["left"])
        and tree["op"] in OPS
        and isinstance(tree.get("ignore_case", False), bool)
    )


def _leaf(tree: Mapping[str, Any], name: str, path: str) -> ConditionView:
    text, kind = ("", leaf_text.AUTO)
    if tree.get("right") is not None:
        text, kind = leaf_text.as_text(tree["right"], auto=True)
    return ConditionView(
        name, path, "leaf", left=tree["left"], op=tree["op"], right=text, right_kind=kind,
        ignore_case=tree.get("ignore_case", False),
    )  # fmt: skip


def _group(tree: Any, name: str, path: str) -> ConditionView | None:
    if not isinstance(tree, Mapping) or len(tree) != 1:
        return None
    ((kind, inner),) = tree.items()
    here = f"{path}.{kind}"
    if kind == "not":
        return ConditionView(name, path, "group", kind=kind, members=[_node(inner, joined(name, 0), here)])
    if kind not in GROUP_KINDS or not isinstance(inner, list):
        return None
    members = [_node(entry, joined(name, i), f"{here}[{i}]") for i, entry in enumerate(inner)]
    return ConditionView(name, path, "group", kind=kind, members=members)


def read_condition(form: Mapping[str, str], name: str) -> Any:
    """Return the tree that the inputs under `name` mean; None where there is no condition."""
    tree = _read(form, name)
    return None if tree in ({"all": []}, {"any": []}, "") else tree


def _read(form: Mapping[str, str], name: str) -> Any:
    type_ = form.get(f"{name}/type", "")
    if type_ == "group":
        return _read_group(form, name)
    if type_ == "leaf":
        return _read_leaf(form, name)
    text = form.get(f"{name}/text", "").replace("\r\n", "\n")
    return leaf_text.read_json(text) if type_ == "raw" else text


def _read_group(form: Mapping[str, str], name: str) -> Any:
    members = [_read(form, joined(name, index)) for index in indexes(form, name)]
    kind = form.get(f"{name}/kind", "all")
    if kind == "bare":
        return members[0] if len(members) == 1 else {"all": members}
    if kind == "not":
        if not members:
            return {"all": []}
        return {"not": members[0] if len(members) == 1 else {"any": members}}
    return {kind if kind in GROUP_KINDS else "all": members}


def _read_leaf(form: Mapping[str, str], name: str) -> dict[str, Any]:
    op = form.get(f"{name}/op", "")
    tree: dict[str, Any] = {"left": form.get(f"{name}/left", "").replace("\r\n", "\n"), "op": op}
    text, kind = form.get(f"{name}/right", ""), form.get(f"{name}/right~", leaf_text.AUTO)
    takes_right = op not in OPS or OPS[op].takes_right
    if takes_right and text != "":
        if op in LIST_OPS and kind in (leaf_text.TEXT, leaf_text.AUTO) and "{{" not in text:
            kind = leaf_text.LIST
        tree["right"] = leaf_text.from_text(text, kind)
    if form.get(f"{name}/case"):
        tree["ignore_case"] = True
    return tree


def blank_leaf() -> dict[str, Any]:
    """Return the comparison that *+ condition* adds."""
    return {"left": "", "op": "equals"}


def without_blanks(tree: Any) -> Any:
    """Return the condition without rows that nobody has begun, and without groups that hold nothing."""
    if isinstance(tree, Mapping):
        if tree.get("left") == "" and "right" not in tree:
            return None
        for kind in ("all", "any"):
            if isinstance(tree.get(kind), list):
                members = [found for entry in tree[kind] if (found := without_blanks(entry)) is not None]
                return {kind: members} if members else None
        if "not" in tree:
            inner = without_blanks(tree["not"])
            return None if inner is None else {"not": inner}
    return tree
