"""Take secrets out of whatever is stored, shown or logged.

One masker serves logs, run records, error texts and exports. It works before writing, in two ways: by
value (every known secret, plain and in the encodings in which it may come back) and by name (a header,
key or query parameter that is called like a secret). What is masked becomes `MASK` and nothing more.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import Any, Final

MASK: Final = "•••"

# Shorter secrets would hit ordinary text everywhere; those are masked by name alone.
_SHORTEST: Final = 4
_DEEPEST: Final = 100
_ROUNDS: Final = 8

# Compared without case, `-` and `_`, as the end of a name: `hook_password`, `X-Api-Token`.
_SECRET_ENDINGS: Final = (
    "authorization", "cookie", "password", "passwd", "passcode", "token", "secret", "apikey", "writekey",
    "privatekey", "secretkey", "secretkeys",
)  # fmt: skip
_STEMS: Final = ("auth", "cookie", "pass", "token", "secret", "key")
_ENDING: Final = (
    r"(?:authorization|cookie|passw(?:or)?d|passcode|token|secret|(?:api|write|private|secret)[_-]?keys?)"
)
# Bounded, so that hostile text costs no quadratic time.
_NAME: Final = rf"[\w.-]{{0,60}}{_ENDING}"
# In order: a pair in JSON or in the printed form of a dict; a query or form parameter; a header line.
_NAMED: Final = re.compile(
    rf"""(?P<pair>["']{_NAME}["']\s*:\s*)(?P<quoted>"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[\d.eE+-]+)"""
    rf"""|(?P<query>(?:^|[?&;\s]){_NAME}=)(?P<parameter>[^&;#\s"'<>]+)"""
    r"""|(?P<line>\b(?:(?:proxy-)?authorization|(?:set-)?cookie):[ \t]*)(?P<rest>[^\r\n"']+)"""
    rf"""|(?P<extra>(?<![\w.-])x-{_NAME}:[ \t]*)(?P<word>[^\s"',;<>]+)""",
    re.IGNORECASE | re.MULTILINE,
)
_NUMERIC: Final = re.compile(r"[0-9.eE+-]+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_=-]*")


_KEY_REMEMBERED: Final = 40
_KEYS_REMEMBERED: Final = 1_000


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Say whether a header, key or parameter of this name holds a secret."""
    return name.lower().replace("-", "").replace("_", "").endswith(_SECRET_ENDINGS)


class Masker:
    """Masks the given secrets and everything that is named like one.

    secrets: their plain texts; empty ones are ignored, those under four characters are masked by name
    only. No method raises or changes its argument, and masking twice is the same as once.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        self._known = sorted({secret for secret in secrets if len(secret) >= _SHORTEST})
        self._plain = tuple({form for secret in self._known for form in _plain_forms(secret)})
        self._base64 = tuple({core for secret in self._known for core in _base64_cores(secret)})
        self._keys: dict[str, str] = {}
        self._numeric = any(_NUMERIC.fullmatch(secret) for secret in self._known)
        # One character of UTF-8 takes at most four bytes, each three characters long when percent-encoded.
        self._reach = 12 * max(map(len, self._known), default=0)

    def is_clean(self, text: str) -> bool:
        """Say whether `text` surely holds nothing to mask; quick, and cautious when in doubt."""
        return not (_may_name_secret(text) or self._may_hit(text))

    def text(self, text: str) -> str:
        """Return `text` with every secret masked, by value and by name."""
        # More than one round only matters for a secret that itself holds the mask character.
        for _ in range(_ROUNDS):
            masked = _cover(text, self._spans(text)) if self._may_hit(text) else text
            if _may_name_secret(masked):
                masked = _NAMED.sub(_mask_named, masked)
            if masked == text:
                break
            text = masked
        return text

    def excerpt(self, text: str, limit: int) -> str:
        """Return the first `limit` characters of the masked text.

        Only a little more than that is looked at, and a secret cut in two by that is left out whole.
        """
        if len(text) <= limit + self._reach:
            return self.text(text)[:limit]
        masked = self.text(text[: limit + self._reach])
        return masked[: max(0, min(limit, len(masked) - self._reach))]

    def value(self, value: Any) -> Any:
        """Return a copy of a JSON value, masked; what is named like a secret is masked whole.

        Null, true, false and empty text stay under such a name: they hold nothing. What lies deeper than
        100 levels is masked, and what is not JSON becomes text.
        """
        return self._value(value, _DEEPEST)

    def json_value(self, value: Any, text: bytes) -> Any:
        """Return a JSON value masked, as `value` does; the very one where it surely holds nothing to mask.

        text: the same as JSON, written by `orjson`. To look through that once is quicker than to look at each part.
        """
        words = text.decode()
        # Numbers may be written in another way, and what is escaped was not looked for in that form; names are
        # compared without two characters.
        is_doubtful = self._numeric or "\\" in words or not self.is_clean(words)
        if is_doubtful or _may_name_secret(words.replace("-", "").replace("_", "")):
            return self.value(value)
        return value

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers as a dict with the same names, their values masked."""
        return {
            name: (MASK if entry else entry) if is_secret_name(name) else self.text(entry)
            for name, entry in headers.items()
        }

    def _value(self, value: Any, levels: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return MASK if self._numeric and self._may_hit(_digits(value)) else value
        if isinstance(value, Mapping | list | tuple) and levels == 0:
            return MASK
        if isinstance(value, Mapping):
            return {self._key(key): self._entry(key, entry, levels) for key, entry in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(entry, levels - 1) for entry in value]
        return self.text(str(value))

    def _key(self, key: Any) -> Any:
        """Keys come again in record after record; what was found out about short ones is remembered."""
        if not isinstance(key, str):
            return key
        known = self._keys.get(key)
        if known is None:
            known = self.text(key)
            if len(key) <= _KEY_REMEMBERED and len(self._keys) < _KEYS_REMEMBERED:
                self._keys[key] = known
        return known

    def _entry(self, key: Any, entry: Any, levels: int) -> Any:
        if not (isinstance(key, str) and is_secret_name(key)):
            return self._value(entry, levels - 1)
        return entry if entry is None or isinstance(entry, bool) or entry == "" else MASK

    @cached_property
    def _encoded(self) -> re.Pattern[str]:
        return re.compile("|".join(map(_any_encoding, self._known)))

    def _may_hit(self, text: str) -> bool:
        for form in self._plain:
            if form in text:
                return True
        for core in self._base64:
            if core in text:
                return True
        return "%" in text and bool(self._known) and self._encoded.search(text) is not None

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where secrets stand, from and to; spans may overlap."""
        for form in self._plain:
            for at in _occurrences(form, text):
                yield at, at + len(form)
        for core in self._base64:
            for at in _occurrences(core, text):
                yield _base64_word(text, at, at + len(core))
        if "%" in text and self._known:
            for match in self._encoded.finditer(text):
                yield match.span()


def _may_name_secret(text: str) -> bool:
    lower = text.lower()
    for stem in _STEMS:  # noqa: SIM110 - a generator takes three times as long, and this is asked of every text
        if stem in lower:
            return True
    return False


def _occurrences(form: str, text: str) -> Iterator[int]:
    at = text.find(form)
    while at >= 0:
        yield at
        at = text.find(form, at + 1)


def _base64_word(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen to the whole encoded word, so that no neighbouring characters give bits away."""
    head = _BASE64.match(text[:start][::-1])
    tail = _BASE64.match(text, end)
    assert head is not None
    assert tail is not None
    return start - head.end(), tail.end()


def _cover(text: str, spans: Iterable[tuple[int, int]]) -> str:
    pieces: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if start > done or not pieces:
            pieces += (text[done:start], MASK)
        done = max(done, end)
    return "".join(pieces) + text[done:]


def _mask_named(match: re.Match[str]) -> str:
    if match["pair"] is None:
        return f"{match['query'] or match['line'] or match['extra']}{MASK}"
    quote = match["quoted"][0] if match["quoted"][0] in "\"'" else '"'
    return match[0] if match["quoted"] == quote * 2 else f"{match['pair']}{quote}{MASK}{quote}"


def _digits(number: float) -> str:
    try:
        return json.dumps(number)
    except ValueError:
        # Python refuses to print integers of more than 4,300 digits.
        return ""


def _plain_forms(secret: str) -> set[str]:
    """Return the secret as it stands in text, in JSON, HTML, a form and a Python repr."""
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
        html.escape(secret, quote=False),
        repr(secret)[1:-1],
        secret.replace(" ", "+"),
    }


def _any_encoding(secret: str) -> str:
    """Return a pattern for the secret with any of its characters percent-encoded, in either case."""
    return "".join(map(_any_encoding_of, secret))


def _any_encoding_of(character: str) -> str:
    encoded = "".join(
        f"%{_either_case(byte >> 4)}{_either_case(byte & 15)}"
        for byte in character.encode("utf-8", "surrogatepass")
    )
    plus = r"|\+" if character == " " else ""
    return f"(?:{re.escape(character)}|{encoded}{plus})"


def _either_case(nibble: int) -> str:
    digit = f"{nibble:x}"
    return digit if digit.isdigit() else f"[{digit}{digit.upper()}]"


def _base64_cores(secret: str) -> Iterator[str]:
    """Yield what base64 shows of the secret wherever it stands in the encoded bytes.

    Three bytes make four characters, so there are three ways to fall into step; the first and last
    characters mix with the neighbours and are left out. This finds `user:secret` for every user.
    """
    raw = secret.encode("utf-8", "surrogatepass")
    for lead in range(3):
        first = -(-lead * 8 // 6)
        last = (lead + len(raw)) * 8 // 6
        core = base64.b64encode(b"\0" * lead + raw).decode("ascii")[first:last]
        if len(core) >= _SHORTEST:
            yield core
            yield core.replace("+", "-").replace("/", "_")
