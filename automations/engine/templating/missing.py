"""The value of what is not there.

A key that is absent in a known object gives `MISSING`; the field's policy decides what happens then. It is
falsy, there is one of it, and it is never sent.
"""

from __future__ import annotations

from typing import Any, Final, final


@final
class Missing:
    """The class of `MISSING`; making another gives the same one."""

    __slots__ = ()
    _only: Missing | None = None

    def __new__(cls) -> Missing:
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"

    def __copy__(self) -> Missing:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Missing:
        return self


MISSING: Final = Missing()


class AbsentPartError(Exception):
    """A part of a mixed text is missing, so the whole value is; never leaves this package."""
