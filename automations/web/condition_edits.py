"""Conditions added to a recipe's tree and taken out of it, at the places that the form's names tell."""

from __future__ import annotations

import copy
from typing import Any

from automations.engine.contracts import JsonObject

NOTHING: tuple[Any, ...] = ({"all": []}, {"any": []}, {}, None, "")


def condition_at(tree: JsonObject, place: str) -> tuple[Any, Any]:
    """Return what holds the condition at `only_if/0/1` or `steps/2/only_if/…`, and its key there.

    Raises KeyError, IndexError, ValueError or TypeError where there is no such place.
    """
    parts = place.split("/")
    holder: Any = tree
    if parts[0] == "steps":
        holder, parts = tree["steps"][int(parts[1])], parts[2:]
    key: Any = parts[0]
    for part in parts[1:]:
        holder, key = _member(holder, key, int(part))
    return holder, key


def _member(holder: Any, key: Any, index: int) -> tuple[Any, Any]:
    """A lone comparison stands for itself, as the form shows it in a group of one."""
    node = holder[key]
    if isinstance(node, dict):
        for kind in ("all", "any"):
            if kind in node:
                return node[kind], index
        if "not" in node:
            return node, "not"
    return holder, key


def add_condition(tree: JsonObject, place: str, member: Any) -> int:
    """Add `member` to the group at `place`; returns where in the group it stands."""
    holder, key = condition_at(tree, place)
    node = holder.get(key) if isinstance(holder, dict) else holder[key]
    if node in NOTHING:
        holder[key] = {"all": [member]}
        return 0
    if isinstance(node, dict):
        for kind in ("all", "any"):
            if kind in node:
                node[kind].append(member)
                return len(node[kind]) - 1
        if "not" in node:
            inner = node["not"]
            members = inner["any"] if isinstance(inner, dict) and list(inner) == ["any"] else [inner]
            holder[key] = {"not": {"any": [*members, member]}}
            return 0
    holder[key] = {"all": [node, member]}
    return 1


def remove_condition(tree: JsonObject, place: str) -> tuple[str, Any]:
    """Take the condition at `place` out; returns the place of the whole `only_if` and what it was before."""
    whole_place = place[: place.index("only_if") + len("only_if")]
    owner, name = condition_at(tree, whole_place)
    before = copy.deepcopy(owner.get(name))
    holder, key = condition_at(tree, place)
    holder.pop(key)
    left = _pruned(owner.get(name))
    if left is None:
        owner.pop(name, None)
    else:
        owner[name] = left
    return whole_place, before


def _pruned(node: Any) -> Any:
    """Return the condition without groups that hold nothing; None where nothing is left."""
    if node in NOTHING:
        return None
    if isinstance(node, dict):
        for kind in ("all", "any"):
            if isinstance(node.get(kind), list):
                members = [kept for inner in node[kind] if (kept := _pruned(inner)) is not None]
                return {kind: members} if members else None
        if "not" in node:
            inner = _pruned(node["not"])
            return None if inner is None else {"not": inner}
    return node


def put_condition(tree: JsonObject, place: str, value: Any) -> None:
    holder, key = condition_at(tree, place)
    holder[key] = value
