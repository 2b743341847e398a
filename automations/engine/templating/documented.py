"""How a filter or test is declared: its code and its documentation in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cached_property
from inspect import Signature, signature
from types import MappingProxyType
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class FilterDoc:
    """One filter or test, as the reference page and the form's ƒ menu show it.

    signature: as it is written in a template. doc: one sentence. example: a template that needs no context.
    result: what the example gives. group: the heading it stands under. alias_of: the name it is another
    word for, or empty.
    """

    name: str
    signature: str
    doc: str
    example: str
    result: Any
    group: str
    alias_of: str = ""
    apply: Callable[..., Any] = dataclass_field(repr=False, default=lambda value: value)
    cures_missing: bool = dataclass_field(repr=False, default=False)
    walks_through: bool = dataclass_field(repr=False, default=False)
    needs_context: bool = dataclass_field(repr=False, default=False)
    steps: int = dataclass_field(repr=False, default=1)

    @cached_property
    def parameters(self) -> Signature:
        return signature(self.apply)

    def accepts(self, positional: int, named: Sequence[str]) -> bool:
        """Return whether the filter can be written with so many arguments and these named ones."""
        leading = [None] * (1 + self.needs_context + positional)
        try:
            self.parameters.bind(*leading, **dict.fromkeys(named))
        except TypeError:
            return False
        return True


class FilterTable:
    """Collects the filters or tests of one subject, in the order they are declared."""

    def __init__(self, group: str) -> None:
        self.group = group
        self._docs: dict[str, FilterDoc] = {}

    @property
    def docs(self) -> Mapping[str, FilterDoc]:
        return MappingProxyType(self._docs)

    def add(
        self,
        written: str,
        doc: str,
        example: str,
        result: Any,
        *,
        aliases: tuple[str, ...] = (),
        cures_missing: bool = False,
        walks_through: bool = False,
        needs_context: bool = False,
        steps: int = 1,
    ) -> Callable[[Function], Function]:
        """Declare a filter; written: its signature, whose first word is its name.

        cures_missing: it is called for a missing value too; others give `MISSING` for one.
        walks_through: its work grows with all inside the value. needs_context: it takes the context first.
        steps: what one use costs of the budget; one step is about two microseconds.
        """
        name = written.partition("(")[0].partition(" ")[0]

        def declare(function: Function) -> Function:
            for known in (name, *aliases):
                self._docs[known] = FilterDoc(
                    name=known,
                    signature=written.replace(name, known, 1),
                    doc=doc,
                    example=example,
                    result=result,
                    group=self.group,
                    alias_of="" if known == name else name,
                    apply=function,
                    cures_missing=cures_missing,
                    walks_through=walks_through,
                    needs_context=needs_context,
                    steps=steps,
                )
            return function

        return declare
