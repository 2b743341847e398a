"""Addresses: what a template puts into one becomes a part of it, and never a way out of its place."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from automations.engine.templating.values import as_text

ENCODE = "_part"


def encoded(value: Any) -> str:
    """Return a value as one part of an address: no slash, question mark or the like in it has a meaning."""
    return quote(as_text(value), safe="", errors="replace")


def encode_parts(tree: nodes.Template) -> None:
    """Encode every expression that a text has in it, in place; what says `urlencode` is encoded already."""
    _Encoder().visit(tree)


class _Encoder(NodeTransformer):
    def visit_Output(self, node: nodes.Output) -> nodes.Node:
        node.nodes = [_encoded(part) for part in node.nodes]
        return node


def _encoded(part: nodes.Expr) -> nodes.Expr:
    if isinstance(part, nodes.TemplateData) or (isinstance(part, nodes.Filter) and part.name == "urlencode"):
        return part
    if isinstance(part, nodes.CondExpr) and part.expr2 is None:
        # Where the condition does not hold nothing is written, as in any text.
        part.expr2 = nodes.Const("", lineno=part.lineno)
    return nodes.Filter(part, ENCODE, [], [], None, None, lineno=part.lineno)
