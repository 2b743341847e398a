"""The template language of recipes: guarded Jinja over plain JSON.

`compile_value` once, `render` often. What may be written, and what each filter does, stands in `FILTERS` and
`TESTS`; every bound in `limits`.
"""

from automations.engine.templating.checking import check
from automations.engine.templating.documented import FilterDoc
from automations.engine.templating.filters import FILTERS
from automations.engine.templating.is_tests import TESTS
from automations.engine.templating.missing import MISSING, Missing
from automations.engine.templating.syntax import TemplateProblem
from automations.engine.templating.template import (
    Template,
    compile_address,
    compile_expression,
    compile_value,
    explain_missing,
    render,
)
from automations.engine.templating.values import LazyMapping

__all__ = [
    "FILTERS",
    "MISSING",
    "TESTS",
    "FilterDoc",
    "LazyMapping",
    "Missing",
    "Template",
    "TemplateProblem",
    "check",
    "compile_address",
    "compile_expression",
    "compile_value",
    "explain_missing",
    "render",
]
