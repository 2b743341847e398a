"""Which values of the context a template reads.

The engine fetches related records only where a path names them. A loop or set variable stands for what it
was made from, where that is a plain path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jinja2 import nodes

Path = tuple[str, ...]
Scope = Mapping[str, "Path | None"]


def static_path(node: nodes.Node) -> tuple[str | int, ...] | None:
    """Return the keys of a plain path such as `deal.emails[0].value`, None for anything else."""
    keys: list[str | int] = []
    while not isinstance(node, nodes.Name):
        if isinstance(node, nodes.Getattr):
            keys.append(node.attr)
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            if type(node.arg.value) not in (str, int):
                return None
            keys.append(node.arg.value)
        else:
            return None
        node = node.node
    return (node.name, *reversed(keys))


def paths_read(tree: nodes.Template) -> frozenset[Path]:
    """Return every path the template may read, each in its longest form."""
    found: set[Path] = set()
    _Reader(found).read_all(tree.body, {})
    return frozenset(path for path in found if path)


class _Reader:
    def __init__(self, found: set[Path]) -> None:
        self._found = found

    def read_all(self, body: list[nodes.Node], scope: Scope) -> dict[str, Path | None]:
        """Read statements in order; returns the scope after them, with what they set."""
        known = dict(scope)
        for node in body:
            self._read(node, known)
        return known

    def _read(self, node: nodes.Node, scope: dict[str, Path | None]) -> None:
        if isinstance(node, nodes.Assign):
            self._bind(node.target, self._value(node.node, scope), scope)
        elif isinstance(node, nodes.AssignBlock):
            self.read_all(node.body, scope)
            self._bind(node.target, None, scope)
        elif isinstance(node, nodes.For):
            self._loop(node, scope)
        elif isinstance(node, nodes.With):
            inner = dict(scope)
            for target, value in zip(node.targets, node.values, strict=True):
                self._bind(target, self._value(value, scope), inner)
            self.read_all(node.body, inner)
        elif isinstance(node, nodes.If):
            self._expression(node.test, scope)
            for branch in (node.body, node.elif_, node.else_):
                self._merge(scope, self.read_all(list(branch), scope))
        else:
            self._expression(node, scope)

    def _loop(self, node: nodes.For, scope: dict[str, Path | None]) -> None:
        self._expression(node.iter, scope)
        source = self._value(node.iter, scope)
        inner = dict(scope) | {"loop": None}
        self._bind(node.target, source, inner)
        if node.test is not None:
            self._expression(node.test, inner)
        self.read_all(node.body, inner)
        self.read_all(node.else_, scope)

    def _bind(self, target: nodes.Node, source: Path | None, scope: dict[str, Path | None]) -> None:
        single = isinstance(target, nodes.Name)
        for name in [target] if isinstance(target, nodes.Name) else target.find_all(nodes.Name):
            scope[name.name] = source if single else None

    @staticmethod
    def _merge(scope: dict[str, Path | None], after: Mapping[str, Path | None]) -> None:
        """A name set in one branch may still mean its old self; a plain path only if both agree."""
        for name, path in after.items():
            if name in scope and scope[name] != path:
                scope[name] = None
            elif name not in scope:
                scope[name] = path

    def _value(self, node: nodes.Node, scope: dict[str, Path | None]) -> Path | None:
        """Read what is set; a plain path is returned instead, and counts where the new name is used."""
        keys = static_path(node)
        if keys is not None:
            return self._resolved(keys, scope)
        self._expression(node, scope)
        return None

    def _resolved(self, keys: tuple[str | int, ...], scope: Scope) -> Path | None:
        name, *rest = map(str, keys)
        if name not in scope:
            return (name, *rest)
        source = scope[name]
        return None if source is None else (*source, *rest)

    def _expression(self, node: nodes.Node, scope: dict[str, Path | None]) -> None:
        for call, inner in _path_starts(node):
            if call:
                self._expression(inner, scope)
                continue
            keys = static_path(inner)
            if keys is None:
                for child in inner.iter_child_nodes():
                    self._expression(child, scope)
                continue
            resolved = self._resolved(keys, scope)
            if resolved is not None:
                self._found.add(resolved)


def _path_starts(node: nodes.Node) -> Iterator[tuple[bool, nodes.Node]]:
    """Give the node itself, without the method name of a call such as `deal.title.upper()`."""
    if isinstance(node, nodes.Call):
        if isinstance(node.node, nodes.Getattr):
            yield True, node.node.node
        for argument in node.args:
            yield True, argument
    else:
        yield False, node
