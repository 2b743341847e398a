"""What can go wrong, as one tree.

The class says who acts and whether the engine tries again; nothing ever decides by reading a message.
Every message names the thing, the fact and the next move. The class docstring is the default message.
"""

from __future__ import annotations

from typing import Any


class AutomationError(Exception):
    """Something in the automation engine went wrong."""

    kind = "error"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])

    @property
    def message(self) -> str:
        return str(self)


class SettingsError(AutomationError):
    """A setting of the installation is wrong; the operator must change it."""

    kind = "settings"


class StorageUnavailableError(AutomationError):
    """The database cannot take this now; try again in some seconds."""

    kind = "storage"


class NotFoundError(AutomationError):
    """There is nothing of that name."""

    kind = "not_found"


class InputError(AutomationError):
    """What arrived can never be valid; nothing was stored.

    status: the HTTP status that says so. code: one stable word for programs.
    """

    kind = "input"

    def __init__(self, message: str = "", *, code: str = "bad_input", status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


# -- the author must edit; never retried ---------------------------------------------------------


class RecipeError(AutomationError):
    """The recipe cannot be used as it stands.

    path: where in the recipe, such as `steps[0].fields.identity`; empty when it is about the whole.
    """

    kind = "recipe"

    def __init__(self, message: str = "", *, path: str = "", file: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.file = file


class RecipeProblems(RecipeError):
    """Several things in the recipe must be changed.

    problems: one `RecipeError` each, in the order of the file; never empty.
    """

    def __init__(self, problems: list[RecipeError]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{p.path}: {p.message}" if p.path else p.message for p in problems))


class MappingError(RecipeError):
    """A field's template could not be rendered.

    step, field: names; either is empty where there is none. template: its source.
    """

    kind = "mapping"

    def __init__(self, message: str = "", *, step: str = "", field: str = "", template: str = "") -> None:
        super().__init__(message, path=field)
        self.step = step
        self.field = field
        self.template = template


class FieldsError(RecipeError):
    """A rendered value does not fit the action's field.

    step, field: names. value: what was rendered, cut to 200 characters. wanted: the wanted type in words.
    """

    kind = "fields"

    def __init__(
        self, message: str = "", *, step: str = "", field: str = "", value: str = "", wanted: str = ""
    ) -> None:
        super().__init__(message, path=field)
        self.step = step
        self.field = field
        self.value = value
        self.wanted = wanted


# -- the owner must reconnect --------------------------------------------------------------------


class CredentialsError(AutomationError):
    """The other side refused the credentials; the connection pauses until its owner mends it."""

    kind = "credentials"


# -- the remote side ------------------------------------------------------------------------------


class DeliveryError(AutomationError):
    """A delivery did not succeed."""

    kind = "delivery"


class UnavailableError(DeliveryError):
    """Nothing was done on the other side; it is tried again.

    retry_after_s: what the other side asked for, in seconds, 0 to 86,400; None when it said nothing.
    whole_connection: the fact holds for every call of this connection (429, daily budget, maintenance).
    """

    kind = "unavailable"

    def __init__(
        self, message: str = "", *, retry_after_s: float | None = None, whole_connection: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.whole_connection = whole_connection


class RejectedError(DeliveryError):
    """The other side said no, even inside a 200; parked until a person acts.

    code: the other side's own code, as text; empty when it gave none.
    """

    kind = "rejected"

    def __init__(self, message: str = "", *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class AmbiguousMatchError(RejectedError):
    """Several records match; a person must choose.

    candidates: one dict a record with at least `id` and `label`.
    """

    kind = "ambiguous"

    def __init__(self, message: str = "", *, candidates: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.candidates = candidates or []


class BlockedAddressError(RejectedError):
    """This address is not allowed."""

    kind = "blocked"


class OutcomeUnknownError(DeliveryError):
    """Sent, but no trustworthy reply came; retried only where the action is repeatable.

    retry_after_s: as in `UnavailableError`.
    """

    kind = "unknown"

    def __init__(self, message: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class LeaseLostError(AutomationError):
    """Another worker has the run; this one stops quietly."""

    kind = "lease_lost"


class ConnectorLoadError(AutomationError):
    """A connector could not be loaded; the others go on working.

    module: the module or entry point that failed.
    """

    kind = "connector"

    def __init__(self, message: str = "", *, module: str = "") -> None:
        super().__init__(message)
        self.module = module
