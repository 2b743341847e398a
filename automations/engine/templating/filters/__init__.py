"""Every filter of the template language, by name: what the reference page and the form's ƒ menu show."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from automations.engine.templating.documented import FilterDoc
from automations.engine.templating.filters import dates, lists, numbers, people, picking, structure, text

FILTERS: Final[Mapping[str, FilterDoc]] = MappingProxyType(
    {
        **structure.FILTERS,
        **people.FILTERS,
        **text.FILTERS,
        **numbers.FILTERS,
        **dates.FILTERS,
        **lists.FILTERS,
        **picking.FILTERS,
    }
)
