"""Compiling and rendering: the package's front door.

A value of a recipe is a constant, one expression that keeps its Python type, or a text with expressions in
it. Event data is never compiled, and a rendered value is never rendered again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from types import TracebackType
from typing import Any, Final, NoReturn, cast

from jinja2 import Template as JinjaTemplate
from jinja2 import nodes

from automations.engine.templating.context import GuardedContext
from automations.engine.templating.encoding import encode_parts
from automations.engine.templating.environment import GuardedEnvironment, guard
from automations.engine.templating.limits import COMPILED_TEMPLATES_KEPT, MAX_NESTING
from automations.engine.templating.missing import MISSING, AbsentPartError
from automations.engine.templating.naming import unknown_name, why_missing
from automations.engine.templating.paths import paths_read, static_path
from automations.engine.templating.syntax import TemplateProblem, UnreadableError, problems_in, read
from automations.engine.templating.values import UnknownNameError, finish, member
from automations.errors import AutomationError, MappingError

ENVIRONMENT: Final = GuardedEnvironment()
MARKUP: Final = ("{{", "{%", "{#")


class Template:
    """One compiled value; immutable, and safe to render from several threads.

    source: as written; a bare expression stands in `{{ }}`. is_constant: no markup; renders to itself.
    is_expression: one `{{ … }}` and nothing else. paths: what it reads, each path with its static keys in
    their longest form; list indexes as text. names: the top-level names among them. words: the source for a
    sentence, without the braces of an expression.
    """

    __slots__ = (
        "_is_address",
        "_keys",
        "_program",
        "_value",
        "is_constant",
        "is_expression",
        "names",
        "paths",
        "source",
        "words",
    )

    source: Any
    is_constant: bool
    is_expression: bool
    paths: frozenset[tuple[str, ...]]
    names: frozenset[str]
    words: str

    def __init__(
        self,
        source: Any,
        *,
        value: Any = MISSING,
        program: JinjaTemplate | None = None,
        keys: tuple[str | int, ...] | None = None,
        is_expression: bool = False,
        paths: Iterable[tuple[str, ...]] = (),
        is_address: bool = False,
    ) -> None:
        put = object.__setattr__
        put(self, "_is_address", is_address)
        put(self, "source", source)
        put(self, "is_constant", program is None and keys is None)
        put(self, "is_expression", is_expression)
        put(self, "paths", frozenset(paths))
        put(self, "names", frozenset(path[0] for path in self.paths))
        bare = str(source).strip()
        put(self, "words", bare.removeprefix("{{").removesuffix("}}").strip() if is_expression else bare)
        put(self, "_value", value)
        put(self, "_program", program)
        put(self, "_keys", keys)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a Template is immutable; {name!r} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a Template is immutable; {name!r} cannot be deleted")

    def __repr__(self) -> str:
        return f"Template({self.source!r})"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        if self._is_address:
            return compile_address, (self.source,)
        return (compile_expression if self.is_expression else compile_value), (self.source,)

    def __deepcopy__(self, memo: dict[int, Any]) -> Template:
        return self

    @property
    def plain_path(self) -> tuple[str | int, ...] | None:
        """The keys of a template that is one path such as `{{ deal.stage_id }}`; None for any other."""
        return self._keys

    def render(self, context: Mapping[str, Any]) -> Any:
        """Return the value as plain JSON, or `MISSING`; raises MappingError."""
        if self.is_constant:
            return self._value
        try:
            return finish(self._looked_up(context) if self._keys is not None else self._run(context))
        except AbsentPartError:
            return MISSING
        except UnknownNameError as unknown:
            raise self._failed(unknown_name(str(unknown), context), unknown.__traceback__) from None
        except MappingError as error:
            raise self._failed(str(error), error.__traceback__) from None
        except AutomationError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever a hostile template provokes is its author's matter
            raise self._failed(_sentence(error), error.__traceback__) from None

    def _looked_up(self, context: Mapping[str, Any]) -> Any:
        name, *rest = cast("tuple[str | int, ...]", self._keys)
        if name not in context:
            raise UnknownNameError(str(name))
        value = context[cast("str", name)]
        for key in rest:
            if type(value) is dict and type(key) is str:
                value = value.get(key, MISSING)
            else:
                value = member(value, key)
        return value

    def _run(self, context: Mapping[str, Any]) -> Any:
        state = GuardedContext(ENVIRONMENT, context, keeps_value=self.is_expression)
        text = "".join(self._program.root_render_func(state))
        return state.value if self.is_expression else text

    def _failed(self, message: str, trace: TracebackType | None) -> MappingError:
        line = self._line(trace)
        return MappingError(f"line {line}: {message}" if line else message, template=str(self.source))

    def _line(self, trace: TracebackType | None) -> int:
        """Return the line of a template of several lines where it failed, else 0."""
        if self._program is None or "\n" not in self.source.strip():
            return 0
        line = 0
        while trace is not None:
            if trace.tb_frame.f_code is self._program.root_render_func.__code__:
                line = self._program.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return line

    _is_address: bool
    _value: Any
    _program: JinjaTemplate
    _keys: tuple[str | int, ...] | None


def _sentence(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "The template is nested too deeply. Simplify it."
    if isinstance(error, MemoryError):
        return "The template needs too much memory. Work on fewer or shorter values."
    if isinstance(error, ValueError) and "unpack" in str(error):
        return "'for' names several variables, but the items do not have as many parts. Use 'items' for an object."
    return "The template cannot work with these values. Check it with a sample record."


def compile_value(value: Any) -> Any:
    """Return the same tree with a `Template` for every leaf; keys are static text.

    Dates, which YAML reads from `2027-03-31`, become ISO text. Raises MappingError for what cannot be a
    template; its `template` is the leaf's source.
    """
    return _compiled_tree(value, 1)


def _compiled_tree(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _compiled_text(value)
    if isinstance(value, Template):
        return value
    if depth > MAX_NESTING:
        raise MappingError(f"The fields are nested more than {MAX_NESTING} deep. Flatten them.")
    if isinstance(value, Mapping):
        return {_static_key(key): _compiled_tree(entry, depth + 1) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_compiled_tree(entry, depth + 1) for entry in value]
    if isinstance(value, (date, datetime)):
        value = value.isoformat()
    if value is None or isinstance(value, (str, bool, int, float)):
        return Template(value, value=finish(value))
    raise MappingError("A field holds something that is neither text, number, list nor object.")


def _static_key(key: Any) -> str:
    text = str(key) if isinstance(key, (str, int)) and not isinstance(key, bool) else ""
    if not text or any(sign in text for sign in MARKUP):
        raise MappingError(f"The key '{str(key)[:60]}' must be plain text; only values can be templates.")
    return text


def _compiled_text(text: str, *, is_address: bool = False) -> Template:
    has_markup = any(sign in text for sign in MARKUP)
    return _compiled(text, is_address=is_address) if has_markup else Template(text, value=finish(text))


def compile_expression(source: Any) -> Template:
    """Return one expression, written with or without `{{ }}`; a value other than text is a constant.

    Raises MappingError when there is anything else around the expression.
    """
    if not isinstance(source, str):
        return Template(source, value=finish(source))
    text = source.strip()
    template = _compiled(text if text.startswith("{{") else "{{ " + text + " }}", is_address=False)
    if not template.is_expression:
        raise MappingError("This must be one expression, such as 'deal.value > 1000'.", template=source)
    return template


def compile_address(text: str) -> Template:
    """Return an address; each expression in its text is percent-encoded, unless it is the whole of it."""
    return _compiled_text(text, is_address=True)


@lru_cache(maxsize=COMPILED_TEMPLATES_KEPT)
def _compiled(source: str, *, is_address: bool) -> Template:
    try:
        tree = read(ENVIRONMENT, source)
    except UnreadableError as error:
        raise _refusal(error.problem, source) from None
    for problem in problems_in(tree):
        raise _refusal(problem, source)
    expression = _only_expression(tree)
    paths = paths_read(tree)
    if expression is not None:
        keys = static_path(expression)
        if keys is not None:
            return Template(source, keys=keys, is_expression=True, paths=paths)
        tree.body = [nodes.Output([expression], lineno=expression.lineno)]
    elif is_address:
        encode_parts(tree)
    alone = expression is not None
    program = _program(guard(ENVIRONMENT, tree, is_expression=alone), source)
    return Template(source, program=program, is_expression=alone, paths=paths, is_address=is_address)


def _refusal(problem: TemplateProblem, source: str) -> MappingError:
    several = problem.line and "\n" in source.strip()
    return MappingError(
        f"line {problem.line}: {problem.message}" if several else problem.message, template=source
    )


def _only_expression(tree: nodes.Template) -> nodes.Expr | None:
    """Return the expression when the template is one and nothing else; a final line break does not count."""
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return None
    first, *others = tree.body[0].nodes
    if isinstance(first, nodes.TemplateData):
        return None
    if any(not isinstance(part, nodes.TemplateData) or part.data.strip("\n") for part in others):
        return None
    return first


def _program(tree: nodes.Template, source: str) -> JinjaTemplate:
    """Compile; a compiler met with a stranger's text may raise nearly anything."""
    try:
        code = ENVIRONMENT.compile(tree)
        return JinjaTemplate.from_code(ENVIRONMENT, code, {})
    except Exception:  # noqa: BLE001  # also RecursionError, SyntaxError, ValueError, OverflowError, MemoryError
        raise MappingError("The template is too complicated. Simplify it.", template=source) from None


def render(template_or_tree: Any, context: Mapping[str, Any]) -> Any:
    """Return what a compiled tree gives for this context, as plain JSON.

    Where a key is absent in a known object the leaf is `MISSING`, and so is a mixed text with such a part;
    null stays None. Raises MappingError with `template` set: an unknown top-level name, a filter that cannot
    take its value, a bound that was reached.
    """
    if type(template_or_tree) is Template:
        return template_or_tree.render(context)
    if isinstance(template_or_tree, dict):
        return {key: render(entry, context) for key, entry in template_or_tree.items()}
    if isinstance(template_or_tree, list):
        return [render(entry, context) for entry in template_or_tree]
    return finish(template_or_tree)


def explain_missing(template: Template, context: Mapping[str, Any]) -> str:
    """Return why a template gave nothing for this context, naming the field and the nearest right one."""
    return why_missing(template.paths, context) or "The template gives no value for this record."
