"""What a description says, part by part: the schema of the YAML file. docs/describe-a-target.md is its page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Keys = str | list[str]
"""Where something stands in JSON: keys joined by dots, or a list of keys where one has a dot itself."""

OPERATORS = ("set_once", "increment", "append", "remove", "unset")


class Part(BaseModel):
    """Unknown keys are refused, so that a typing mistake is found when the file is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SettingPart(Part):
    """One thing that a person gives to connect an account. choices: a list, or each with what it stands for.

    address: it is a web address, such as of an installation of one's own.
    """

    title: str = ""
    help: str = ""
    secret: bool = False
    default: str | None = None
    choices: list[str] | dict[str, str] = []
    address: bool = False
    advanced: bool = False

    @field_validator("choices", mode="before")
    @classmethod
    def _no_booleans(cls, value: Any) -> Any:
        if isinstance(value, dict | list) and any(isinstance(entry, bool) for entry in value):
            raise ValueError("YAML reads yes, no, on and off as true and false. Put such a choice in quotes")
        return value


class BasicPart(Part):
    user: str = ""
    password: str = ""


class AuthPart(Part):
    """How a call proves whose account it is for; several may be given. body: put beside the records."""

    basic: BasicPart | None = None
    bearer: str = ""
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    body: dict[str, str] = {}


class IdentityPart(Part):
    """first_of: which ids are looked at, in this order; at least one is needed. only_first: the others are not
    sent as ids. also_as: the attribute in which an id is told, too."""

    first_of: list[Literal["user_id", "anonymous_id", "email", "phone"]] = [
        "user_id",
        "anonymous_id",
        "email",
        "phone",
    ]
    only_first: bool = False
    least_characters: int = 1
    most_characters: int = 1023
    also_as: dict[Literal["user_id", "anonymous_id", "email", "phone"], str] = {}


class TimePart(Part):
    """record: of the record itself; in_data: of times among the attributes; `keep` leaves them as they are.

    Each is one of epoch_s, epoch_ms, iso, iso_ms, or a text with such words in braces (`$D_{epoch_s}`), or a
    pattern with `%Y`. needed: without a time of its own a record gets the time of its first try.
    """

    record: str = "iso"
    in_data: str = "keep"
    needed: bool = False


class ValuesPart(Part):
    """What a target takes as names and values. Sizes are bytes of UTF-8; None: no limit is known."""

    nested: Literal["keep", "flatten", "json", "drop"] = "keep"
    lists: Literal["keep", "json", "drop", "text"] = "keep"
    separator: str = "."
    null: Literal["drop", "send", "unset"] = "drop"
    key_bytes: int | None = None
    value_bytes: int | None = None
    list_items: int | None = None
    most_keys: int | None = None
    forbidden: str = ""
    instead: str = "_"
    case: Literal["keep", "snake"] = "keep"


class CheckPart(Part):
    """What an attribute must be."""

    one_of: list[str] = []
    kind: Literal["", "email", "e164", "number", "boolean", "date", "text", "url"] = ""


class AttributesPart(Part):
    """Names that a target reads itself. rename: ours to theirs. values: by their name, ours to theirs.

    top: names that stand outside the free attributes; templates read them as `top`.
    if_invalid: `drop` leaves a value out that fails its check and says so; `refuse` refuses the record.
    """

    rename: dict[str, str] = {}
    values: dict[str, dict[str, Any]] = {}
    checks: dict[str, str | CheckPart] = {}
    top: list[str] = []
    reserved: list[str] = []
    if_invalid: Literal["drop", "refuse"] = "drop"


class OperatorPart(Part):
    """How a change is written: `value` stands where the attribute does, and null with `clear`; `group` collects
    changes under a key of `operators`; `record` is a record of its own. as_list: the value is always a list.
    form: `names` lists names. negative: the value for a number below 0, without its sign."""

    value: Any = None
    clear: bool = False
    group: str = ""
    record: dict[str, Any] | None = None
    form: Literal["map", "names"] = "map"
    as_list: bool = False
    negative: Any = None


class BatchPart(Part):
    """What one call takes. equal: a template; records for which it differs do not share a call."""

    records: int = Field(default=1, ge=1, le=10_000)
    bytes: int = Field(default=1_000_000, ge=1_000, le=5_000_000)
    record_bytes: int | None = None
    identities: int | None = None
    equal: str = ""


class NamePart(Part):
    """What an event may be called. reserved: names that the target keeps for itself."""

    bytes: int | None = None
    forbidden: str = ""
    instead: str = "_"
    reserved: list[str] = []


class OperationPart(Part):
    """One kind of call. record: the shape of one record. into: where records stand in the body; None: a record is
    the body; an empty list: the body is a list. body: what stands beside them.

    in_doubt: what follows when an answer was lost: `resend`, or `ask` a person. By default a record that carries
    `key` is sent again.
    """

    method: Literal["POST", "PUT", "PATCH"] = "POST"
    path: str
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    content: Literal["json", "ndjson", "form"] = "json"
    record: dict[str, Any]
    into: Keys | None = None
    body: dict[str, Any] = {}
    attributes: AttributesPart = AttributesPart()
    values: ValuesPart | None = None
    name: NamePart = NamePart()
    batch: BatchPart | None = None
    in_doubt: Literal["", "resend", "ask"] = ""


class WindowPart(Part):
    limit: int = Field(ge=1)
    window_s: float = Field(gt=0, le=86_400)


class WaitPart(Part):
    """A header that says how long to wait after a 429, besides Retry-After."""

    header: str
    holds: Literal["seconds", "epoch_s", "epoch_ms"] = "seconds"


class ThrottlePart(Part):
    concurrency: int = Field(default=4, ge=1, le=64)
    requests: WindowPart | None = None
    records: WindowPart | None = None
    wait: WaitPart | None = None


class FailuresPart(Part):
    """Where a reply lists what was not taken. statuses: with which it may come; empty: with those of success.

    by: `index` counts from 0, `echo` repeats the record, `id` names it. at: where in an entry; empty: the entry
    itself. record_at: where that id stands in our record. array: where an entry names the list it counts in.
    named: the list is an object of lists by reason; an entry then has `name` and `entry`.
    rest: whether the others of the call were taken, or nothing was and they are sent again.
    """

    statuses: list[int] = []
    list: Keys
    by: Literal["index", "echo", "id"]
    at: Keys = ""
    record_at: Keys = ""
    code: Keys = ""
    reason: Keys = ""
    array: Keys = ""
    named: bool = False
    rest: Literal["taken", "again"] = "taken"
    retry_codes: Sequence[str | int] = ()
    meaning: str = ""


class AnswerPart(Part):
    """What a reply means. ok: statuses of success; empty: every 2xx. ok_if, refused_if: expressions over `reply`
    (the body) and `status`. success: a body as it comes when all was taken. halve: statuses that say the call
    cannot be read as a whole. silent: refusals are never told."""

    ok: list[int] = []
    ok_if: str = ""
    success: Any = None
    failures: list[FailuresPart] = []
    refused: list[int] = [401, 403]
    refused_if: str = ""
    retry: list[int] = []
    halve: list[int] = [400, 413]
    silent: bool = False


class TestPart(Part):
    """One harmless call that tells whether the credentials are right. ok: statuses that say yes; empty: 2xx."""

    __test__ = False

    method: Literal["GET", "POST"] = "GET"
    path: str
    query: dict[str, str] = {}
    body: Any = None
    ok: list[int] = []


class DryRunPart(Part):
    """What makes a call check and store nothing."""

    query: dict[str, str] = {}
    headers: dict[str, str] = {}


class DescriptionPart(Part):
    """The whole file."""

    target: Word
    title: str = Field(min_length=1, max_length=60)
    about: str = ""
    sources: list[str] = []
    settings: dict[Word, SettingPart] = {}
    address: str
    auth: AuthPart = AuthPart()
    headers: dict[str, str] = {}
    identity: IdentityPart = IdentityPart()
    time: TimePart = TimePart()
    values: ValuesPart = ValuesPart()
    operators: dict[Literal["increment", "append", "remove", "unset", "set_once"], OperatorPart] = {}
    profile: OperationPart
    event: OperationPart
    together: bool = False
    batch: BatchPart = BatchPart()
    throttle: ThrottlePart = ThrottlePart()
    answer: AnswerPart = AnswerPart()
    test: TestPart | None = None
    dry_run: DryRunPart | None = None
