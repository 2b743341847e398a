"""The descriptions there are: shipped with the package, and written by people here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources

from automations.connectors.targets.reading import read_description
from automations.connectors.targets.target import Target, compile_target
from automations.engine.contracts.described import OwnTexts
from automations.engine.registry import nearest
from automations.errors import NotFoundError, RecipeError, RecipeProblems


@lru_cache(maxsize=1)
def shipped() -> Mapping[str, str]:
    """Return the texts that come with the package, by name."""
    folder = resources.files("automations.connectors.targets") / "descriptions"
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name
    )
    return {file.name.removesuffix(".yaml"): file.read_text("utf-8") for file in files}


@lru_cache(maxsize=256)
def compiled(text: str, file: str = "") -> Target:
    """Return the target that a text describes; the same text is compiled once. Raises RecipeProblems."""
    return compile_target(read_description(text, file=file), text, file=file)


class Library:
    """Every description by name. An own one cannot take the name of a shipped one."""

    def __init__(self) -> None:
        self.own: OwnTexts = dict

    def names(self) -> list[str]:
        return sorted({*shipped(), *self.own()})

    def text(self, name: str) -> str:
        """Raises NotFoundError with the nearest name."""
        found = shipped().get(name) or self.own().get(name)
        if found is None:
            near = nearest(name, self.names())
            hint = f" Did you mean {near!r}?" if near else f" There are: {', '.join(self.names())}."
            raise NotFoundError(f"There is no description named {name!r}.{hint}")
        return found

    def target(self, name: str) -> Target:
        """Return one ready to be sent to. Raises NotFoundError, RecipeProblems."""
        made = compiled(self.text(name), f"{name}.yaml")
        if made.name != name:
            wrong = f"The text is kept as {name!r} but describes {made.name!r}. Give both the same name."
            raise RecipeProblems([RecipeError(wrong, path="target", file=f"{name}.yaml")])
        return made

    def all(self) -> Iterator[tuple[str, Target | RecipeProblems]]:
        """Yield every name with its target, or with what is wrong with its text."""
        for name in self.names():
            try:
                yield name, self.target(name)
            except RecipeProblems as problems:
                yield name, problems
