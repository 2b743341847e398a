"""Reading a condition: its tree, and what is refused when the recipe is saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from automations.engine.operations import OPS, OpDoc, check_right
from automations.engine.templating import Template, compile_expression, compile_value
from automations.engine.templating.spelling import did_you_mean
from automations.errors import MappingError, RecipeError

MAX_CONDITIONS: Final = 200
MAX_GROUP_DEPTH: Final = 20
_GROUPS: Final = ("all", "any", "not")
_LEAF_KEYS: Final = ("left", "op", "right", "ignore_case")


@dataclass(frozen=True)
class Expression:
    """An expression that is true or false; 0, `""`, an empty list, `"false"`, `"no"` and `"off"` are false."""

    template: Template
    path: str


@dataclass(frozen=True)
class Leaf:
    """One comparison. right: a compiled value or tree; None where the op takes none."""

    left: Template
    op: str
    right: Any
    ignore_case: bool
    path: str


@dataclass(frozen=True)
class Group:
    """kind: `all` and `any` have at least one member, `not` exactly one."""

    kind: Literal["all", "any", "not"]
    members: tuple[Node, ...]
    path: str


Node = Expression | Leaf | Group


@dataclass(frozen=True)
class Condition:
    """A parsed condition. root: None passes always. source: as written.

    paths: every path it reads, as for `Template`; `changed…` also reads the record's `previous` values.
    """

    root: Node | None
    source: Any = None
    paths: frozenset[tuple[str, ...]] = frozenset()
    names: frozenset[str] = frozenset()


def parse_condition(value: Any) -> Condition:
    """Return the condition; None passes always. Raises RecipeError with the path inside the condition."""
    if value is None:
        return Condition(None)
    parser = _Parser()
    root = parser.node(value, "", 1)
    paths = frozenset(path for template in _templates(root) for path in template.paths)
    return Condition(root, value, paths, frozenset(path[0] for path in paths))


def _templates(node: Node) -> Iterator[Template]:
    if isinstance(node, Group):
        for inner in node.members:
            yield from _templates(inner)
    elif isinstance(node, Leaf):
        yield node.left
        yield from _leaves(node.right)
    else:
        yield node.template


def _leaves(tree: Any) -> Iterator[Template]:
    if isinstance(tree, Template):
        yield tree
    elif isinstance(tree, (list, dict)):
        for inner in tree.values() if isinstance(tree, dict) else tree:
            yield from _leaves(inner)


class _Parser:
    def __init__(self) -> None:
        self._count = 0

    def node(self, value: Any, path: str, depth: int) -> Node:
        self._count += 1
        if self._count > MAX_CONDITIONS or depth > MAX_GROUP_DEPTH:
            raise RecipeError(
                f"At most {MAX_CONDITIONS} conditions, nested {MAX_GROUP_DEPTH} deep, are allowed. Simplify.",
                path=path,
            )
        if isinstance(value, str) and value.strip():
            return Expression(_compiled_expression(value, path), path)
        if not isinstance(value, Mapping):
            raise RecipeError(
                "A condition is an expression such as '{{ deal.value > 1000 }}', or a tree of all, any and not.",
                path=path,
            )
        groups = [kind for kind in _GROUPS if kind in value]
        return self._group(value, groups[0], path, depth) if groups else self._leaf(value, path)

    def _group(self, value: Mapping[Any, Any], kind: Any, path: str, depth: int) -> Group:
        here = f"{path}.{kind}" if path else kind
        if len(value) > 1:
            raise RecipeError(
                f"'{kind}' must stand alone. Put what stands beside it into the list of one 'all'.", path=path
            )
        members = value[kind]
        if kind == "not":
            return Group(kind, (self.node(members, here, depth + 1),), here)
        if not isinstance(members, list) or not members:
            raise RecipeError(f"'{kind}' needs a list of at least one condition.", path=here)
        nodes = (self.node(entry, f"{here}[{index}]", depth + 1) for index, entry in enumerate(members))
        return Group(kind, tuple(nodes), here)

    def _leaf(self, value: Mapping[Any, Any], path: str) -> Leaf:
        for key in value:
            if key not in _LEAF_KEYS:
                near = did_you_mean(str(key), (*_LEAF_KEYS, *_GROUPS), otherwise="Use left, op and right.")
                raise RecipeError(f"There is no key '{key}' in a condition.{near}", path=path)
        for key in ("left", "op"):
            if key not in value:
                raise RecipeError(f"A condition needs '{key}'. Write left, op and right.", path=path)
        name, ignore_case = value["op"], value.get("ignore_case", False)
        doc = OPS.get(name) if isinstance(name, str) else None
        if doc is None:
            near = did_you_mean(str(name), OPS, otherwise=f"Use one of {', '.join(OPS)}.")
            raise RecipeError(f"There is no op '{name}'.{near}", path=_at(path, "op"))
        if not isinstance(ignore_case, bool):
            raise RecipeError("'ignore_case' is true or false.", path=_at(path, "ignore_case"))
        left = _left(value["left"], doc, _at(path, "left"))
        right = _right(value, doc, _at(path, "right"), ignore_case)
        return Leaf(left, doc.name, right, ignore_case, path)


def _at(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _left(value: Any, doc: OpDoc, path: str) -> Template:
    if not isinstance(value, str) or "{{" not in value:
        wanted = value if isinstance(value, str) and value.isprintable() and "." in value else "deal.value"
        raise RecipeError(f"The left side must be a template. Write '{{{{ {wanted[:60]} }}}}'.", path=path)
    template = _compiled(value, path)
    assert isinstance(template, Template)
    if doc.about_change and (template.plain_path is None or len(template.plain_path) < 2):
        raise RecipeError(
            f"'{doc.name}' needs one field of the record on its left, such as '{{{{ deal.stage_id }}}}'.",
            path=path,
        )
    return template


def _right(value: Mapping[Any, Any], doc: OpDoc, path: str, ignore_case: bool) -> Any:
    given = value.get("right")
    if not doc.takes_right:
        if given is not None:
            raise RecipeError(f"'{doc.name}' takes no right side. Leave it out.", path=path)
        return None
    if given is None:
        raise RecipeError(f"'{doc.name}' needs a right side. To ask for nothing, use 'missing'.", path=path)
    tree = _compiled(given, path)
    if all(template.is_constant for template in _leaves(tree)):
        problem = check_right(doc.name, given, ignore_case)
        if problem is not None:
            raise RecipeError(problem, path=path)
    return tree


def _compiled(value: Any, path: str) -> Any:
    try:
        return compile_value(value)
    except MappingError as error:
        raise RecipeError(error.message, path=path) from None


def _compiled_expression(value: str, path: str) -> Template:
    try:
        return compile_expression(value)
    except MappingError as error:
        raise RecipeError(error.message, path=path) from None
