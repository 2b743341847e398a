"""Imports point one way, and each name stays where it belongs. Each rule here is one test."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "automations"

# From the ground up. A part may import what stands below it, and its own.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "clock", "logs", "settings", "resources", "absent", "instance", "made_often"}),
    frozenset({"model"}),
    frozenset({"engine"}),
    frozenset({"connectors"}),
    frozenset({"web"}),
    frozenset({"assembly"}),
    frozenset({"demo", "cli", "__main__"}),
)
# Stands beside the layers: it plays the remote side, so it must not share our idea of it.
ASIDE = "sandbox"
ASIDE_MAY_IMPORT = LAYERS[0]
MAY_IMPORT_ASIDE = frozenset({"assembly"}) | LAYERS[-1]
# Not code of ours that imports: recipes in YAML.
WITHOUT_LAYER = frozenset({"gallery"})

WEB_FRAMEWORKS = ("flask", "flask_login", "flask_wtf", "flask_limiter", "werkzeug", "wtforms")
NAMELESS = ("model", "engine")


@dataclass(frozen=True)
class Import:
    """One import: `module` is dotted and absolute, `where` is `file:line`, `part` the importer's place."""

    where: str
    importer: str
    module: str

    @property
    def part(self) -> str:
        return part_of(self.importer)

    @property
    def target(self) -> str:
        """The part of ours that is imported; empty when it is somebody else's code or the bare package."""
        return part_of(self.module)

    def __str__(self) -> str:
        return f"{self.where}: {self.importer} imports {self.module}"


def part_of(module: str) -> str:
    """Return the second name of one of our modules: `engine` of `automations.engine.runner`."""
    names = module.split(".")
    return names[1] if names[0] == PACKAGE and len(names) > 1 else ""


def sources(root: Path) -> Iterator[Path]:
    return iter(sorted((root / PACKAGE).rglob("*.py")))


def module_of(path: Path, root: Path) -> str:
    names = list(path.relative_to(root).with_suffix("").parts)
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def imports(root: Path) -> list[Import]:
    """Return every import of the package, also those inside functions and those for type checking only."""
    return [found for path in sources(root) for found in imports_of(path, root)]


def imports_of(path: Path, root: Path) -> Iterator[Import]:
    importer = module_of(path, root)
    folder = importer if path.name == "__init__.py" else importer.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            modules = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = list(modules_of(node, folder, root))
        else:
            continue
        for module in modules:
            yield Import(f"{path.relative_to(root)}:{node.lineno}", importer, module)


def modules_of(node: ast.ImportFrom, folder: str, root: Path) -> Iterator[str]:
    """Yield what `from x import y` imports: `x.y` where that is a module of ours, else `x`."""
    origin = node.module or ""
    if node.level:
        above = folder.split(".")[: len(folder.split(".")) - node.level + 1]
        origin = ".".join([*above, *([node.module] if node.module else [])])
    for name in node.names:
        inside = root.joinpath(*origin.split("."), name.name)
        is_module = origin.split(".")[0] == PACKAGE and (
            inside.is_dir() or inside.with_suffix(".py").is_file()
        )
        yield f"{origin}.{name.name}" if is_module else origin


def modules_without_a_place(root: Path) -> list[str]:
    known = frozenset().union(*LAYERS, {ASIDE}, WITHOUT_LAYER)
    parts = {part_of(module_of(path, root)): path for path in sources(root)}
    return [str(path.relative_to(root)) for part, path in parts.items() if part and part not in known]


def imports_that_point_up(root: Path) -> list[str]:
    height = {part: number for number, layer in enumerate(LAYERS) for part in layer}
    return [
        str(found)
        for found in imports(root)
        if found.part in height and height.get(found.target, -1) > height[found.part]
    ]


def imports_across_the_sandbox_fence(root: Path) -> list[str]:
    def is_breach(found: Import) -> bool:
        if found.part == ASIDE:
            return found.target not in {"", ASIDE, *ASIDE_MAY_IMPORT}
        return found.target == ASIDE and found.part not in MAY_IMPORT_ASIDE

    return [str(found) for found in imports(root) if is_breach(found)]


def imports_between_connectors(root: Path) -> list[str]:
    """Find connectors that import a sibling. What stands as a file directly in `connectors/` is for all."""
    products = {path.name for path in (root / PACKAGE / "connectors").glob("*") if path.is_dir()}

    def product(module: str) -> str:
        names = module.split(".")
        return names[2] if part_of(module) == "connectors" and len(names) > 2 and names[2] in products else ""

    return [
        str(found)
        for found in imports(root)
        if found.part == "connectors" and product(found.module) not in {"", product(found.importer)}
    ]


def pages_that_import_a_connector(root: Path) -> list[str]:
    return [str(found) for found in imports(root) if found.part == "web" and found.target == "connectors"]


def web_framework_below_the_web(root: Path) -> list[str]:
    return [
        str(found)
        for found in imports(root)
        if found.part in {"model", "engine"} and found.module.split(".")[0] in WEB_FRAMEWORKS
    ]


def lines_that_name_a_product(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)}:{number}: {line.strip()}"
        for path in sources(root)
        if part_of(module_of(path, root)) in NAMELESS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if "pipedrive" in line.lower()
    ]


def listing(breaches: list[str], rule: str) -> str:
    return "\n".join([rule, *breaches])


def test_every_module_has_a_place_in_the_layers() -> None:
    breaches = modules_without_a_place(ROOT)
    assert not breaches, listing(breaches, "Give each of these a layer in tests/test_layers.py:")


def test_imports_point_down_only() -> None:
    breaches = imports_that_point_up(ROOT)
    assert not breaches, listing(breaches, "model <- engine <- connectors <- web <- assembly <- cli, demo:")


def test_sandbox_stands_alone() -> None:
    breaches = imports_across_the_sandbox_fence(ROOT)
    assert not breaches, listing(breaches, "The sandbox plays the remote side and shares no code with ours:")


def test_no_connector_imports_its_sibling() -> None:
    breaches = imports_between_connectors(ROOT)
    assert not breaches, listing(breaches, "What two connectors need stands as a file in connectors/:")


def test_pages_reach_connectors_only_through_the_registry() -> None:
    breaches = pages_that_import_a_connector(ROOT)
    assert not breaches, listing(breaches, "web takes the registry it is given:")


def test_engine_and_model_run_without_flask() -> None:
    breaches = web_framework_below_the_web(ROOT)
    assert not breaches, listing(breaches, "Only web and sandbox know the web framework:")


def test_engine_and_model_name_no_product() -> None:
    breaches = lines_that_name_a_product(ROOT)
    assert not breaches, listing(breaches, "Only its connector says the product's name:")


BAD = [
    (modules_without_a_place, "automations/helpers.py", "", "automations/helpers.py"),
    (imports_that_point_up, "automations/model/run.py", "import automations.engine.runner", ":1:"),
    (imports_that_point_up, "automations/engine/runner.py", "from automations import web", "automations.web"),
    (imports_that_point_up, "automations/engine/runner.py", "from ..web import app", "automations.web"),
    (imports_that_point_up, "automations/errors.py", "def f():\n    import automations.model", ":2:"),
    (imports_that_point_up, "automations/web/app.py", "from automations.assembly import build", "assembly"),
    (imports_across_the_sandbox_fence, "automations/sandbox/app.py", "import automations.engine", "engine"),
    (imports_across_the_sandbox_fence, "automations/web/app.py", "import automations.sandbox", "sandbox"),
    (imports_between_connectors, "automations/connectors/a/x.py", "from ..b import client", "connectors.b"),
    (imports_between_connectors, "automations/connectors/http.py", "import automations.connectors.b", ".b"),
    (pages_that_import_a_connector, "automations/web/app.py", "from automations.connectors import a", ".a"),
    (web_framework_below_the_web, "automations/engine/runner.py", "from flask import Flask", "flask"),
    (lines_that_name_a_product, "automations/model/run.py", "kind = 1  # as Pipedrive says", ":1:"),
]


@pytest.mark.parametrize(("rule", "file", "code", "told"), BAD)
def test_a_breach_is_found(
    rule: Callable[[Path], list[str]], file: str, code: str, told: str, tmp_path: Path
) -> None:
    for folder in ("web", "connectors/a", "connectors/b"):
        (tmp_path / PACKAGE / folder).mkdir(parents=True)
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code, encoding="utf-8")
    (breach,) = rule(tmp_path)
    assert told in breach


GOOD = [
    ("automations/engine/runner.py", "import automations\nfrom automations import __version__, errors"),
    ("automations/connectors/a/x.py", "from automations.connectors.http import Door\nfrom . import client"),
    ("automations/cli/demo.py", "import automations.sandbox\nimport automations.connectors.a"),
    ("automations/assembly.py", "import automations.connectors.a\nimport automations.web.app"),
    ("automations/sandbox/app.py", "import flask\nfrom automations.errors import AutomationError"),
]


@pytest.mark.parametrize(("file", "code"), GOOD)
def test_what_is_allowed_is_not_reported(file: str, code: str, tmp_path: Path) -> None:
    for folder in ("web", "connectors/a", "connectors/b"):
        (tmp_path / PACKAGE / folder).mkdir(parents=True)
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code, encoding="utf-8")
    rules = {rule for rule, *_ in BAD}
    assert [breach for rule in rules for breach in rule(tmp_path)] == []
