"""Filters that shape texts."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from automations.engine.templating.documented import FilterDoc, FilterTable
from automations.engine.templating.limits import MAX_VALUE_BYTES
from automations.engine.templating.string_methods import replaced
from automations.engine.templating.values import as_text, shown
from automations.errors import MappingError

_text = FilterTable("Texts")
_SPOKEN: Final = str.maketrans({
    "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "o", "å": "a", "ł": "l", "đ": "d", "þ": "th",
    "œ": "oe", "ð": "d",
})  # fmt: skip
_TAG: Final = re.compile(r"<[^<>]*>")
_BLOCK_END: Final = re.compile(r"<(?:br|/p|/div|/li|/tr|/h[1-6])\s*/?>", re.IGNORECASE)
_BLANKS: Final = re.compile(r"[ \t\r\f\v\xa0]+")


def plain(value: Any, name: str) -> str:
    """Return a text, number or truth as text; raises MappingError for a list or object."""
    if isinstance(value, (str, bool, int, float)):
        return as_text(value)
    raise MappingError(f"'{name}' needs a text, but found {shown(value)}. Choose a field inside it.")


def count_of(value: Any, name: str, largest: int) -> int:
    """Return a whole number from 0 to `largest`; raises MappingError for anything else."""
    if type(value) is not int or not 0 <= value <= largest:
        raise MappingError(f"'{name}' needs a whole number from 0 to {largest:,}, but found {shown(value)}.")
    return value


@_text.add("upper", "Writes a text in capitals.", "{{ 'abc' | upper }}", "ABC")
def _upper(value: Any) -> str:
    return plain(value, "upper").upper()


@_text.add("lower", "Writes a text in small letters.", "{{ 'ABC' | lower }}", "abc")
def _lower(value: Any) -> str:
    return plain(value, "lower").lower()


@_text.add("title", "Starts every word with a capital.", "{{ 'anna schmidt' | title }}", "Anna Schmidt")
def _title(value: Any) -> str:
    return re.sub(r"[^\W_]+(?:['’][^\W_]+)*", lambda word: word[0].capitalize(), plain(value, "title"))


@_text.add(
    "capitalize", "Starts the text with a capital, the rest small.", "{{ 'aNNA' | capitalize }}", "Anna"
)
def _capitalize(value: Any) -> str:
    return plain(value, "capitalize").capitalize()


@_text.add("trim(characters)", "Takes blanks, or the given characters, off both ends.", "{{ '  a b ' | trim }}",
           "a b")  # fmt: skip
def _trim(value: Any, characters: str | None = None) -> str:
    return plain(value, "trim").strip(None if characters is None else plain(characters, "trim"))


@_text.add("replace(old, new, count)", "Replaces every `old`, or the first `count`, by `new`.",
           "{{ '1.5' | replace('.', ',') }}", "1,5")  # fmt: skip
def _replace(value: Any, old: Any, new: Any, count: Any = -1) -> str:
    if type(count) is not int:
        raise MappingError(f"'replace' needs a whole number of times, but found {shown(count)}.")
    return replaced(plain(value, "replace"), plain(old, "replace"), plain(new, "replace"), count)


@_text.add("truncate(length, whole_words, end)", "Cuts a text to so many characters, `…` included.",
           "{{ 'Office chairs' | truncate(8) }}", "Office…")  # fmt: skip
def _truncate(value: Any, length: Any = 255, whole_words: Any = True, end: Any = "…") -> str:
    text, mark = plain(value, "truncate"), plain(end, "truncate")
    longest = count_of(length, "truncate", MAX_VALUE_BYTES)
    if len(text) <= longest:
        return text
    cut = text[: max(0, longest - len(mark))]
    if whole_words and not text[len(cut)].isspace() and " " in cut:
        cut = cut.rpartition(" ")[0]
    return (cut.rstrip() + mark)[:longest]


@_text.add("truncate_bytes(n)", "Cuts a text to at most n bytes of UTF-8, never inside a character.",
           "{{ 'Zoë' | truncate_bytes(3) }}", "Zo")  # fmt: skip
def _truncate_bytes(value: Any, n: Any) -> str:
    size = count_of(n, "truncate_bytes", MAX_VALUE_BYTES)
    return plain(value, "truncate_bytes")[:size].encode(errors="replace")[:size].decode(errors="ignore")


@_text.add("wordcount", "Counts the words.", "{{ 'two words' | wordcount }}", 2)
def _wordcount(value: Any) -> int:
    return len(plain(value, "wordcount").split())


@_text.add("urlencode", "Encodes a text for one part of a URL, or an object for a query.",
           "{{ 'a b&c' | urlencode }}", "a%20b%26c", walks_through=True)  # fmt: skip
def _urlencode(value: Any) -> str:
    if isinstance(value, Mapping):
        return "&".join(f"{_quoted(key)}={_quoted(entry)}" for key, entry in value.items())
    return _quoted(value)


def _quoted(value: Any) -> str:
    return quote(_short(plain(value, "urlencode"), "urlencode"), safe="", errors="replace")


def _short(text: str, name: str) -> str:
    if len(text) > MAX_VALUE_BYTES:
        raise MappingError(f"'{name}' takes at most {MAX_VALUE_BYTES // 1024} KB. Shorten the text first.")
    return text


@_text.add("escape", "Makes a text safe inside HTML.", "{{ 'R&D <b>' | escape }}", "R&amp;D &lt;b&gt;",
           aliases=("e",))  # fmt: skip
def _escape(value: Any) -> str:
    return html.escape(_short(plain(value, "escape"), "escape"))


@_text.add("slug", "Makes a short name of small letters, digits and hyphens.", "{{ 'Größe & Farbe' | slug }}",
           "groesse-farbe")  # fmt: skip
def _slug(value: Any) -> str:
    text = _short(plain(value, "slug"), "slug").lower().translate(_SPOKEN)
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", letters.lower()).strip("-")


@_text.add("sha256", "Gives the SHA-256 of a text as 64 hexadecimal digits.", "{{ 'a' | sha256 }}",
           sha256(b"a").hexdigest())  # fmt: skip
def _sha256(value: Any) -> str:
    return sha256(plain(value, "sha256").encode(errors="replace")).hexdigest()


@_text.add("strip_html", "Gives the text of HTML without tags, scripts and entities.",
           "{{ '<p>Hi <b>Anna</b> &amp; co</p>' | strip_html }}", "Hi Anna & co")  # fmt: skip
def _strip_html(value: Any) -> str:
    """Every pass is linear: hostile HTML must not cost more than its length."""
    text = plain(value, "strip_html")
    for opening, closing in (("<!--", "-->"), ("<script", "</script"), ("<style", "</style")):
        text = _without(text, opening, closing)
    text = _TAG.sub("", _BLOCK_END.sub("\n", text))
    try:
        text = html.unescape(text)
    except ValueError:
        raise MappingError("'strip_html' found a character reference with thousands of digits.") from None
    lines = (_BLANKS.sub(" ", line).strip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _without(text: str, opening: str, closing: str) -> str:
    lowered = text.lower() if len(text.lower()) == len(text) else text
    kept = []
    position = 0
    while (start := lowered.find(opening, position)) >= 0:
        kept.append(text[position:start])
        end = lowered.find(closing, start + len(opening))
        if end < 0:
            return "".join(kept)
        position = end + len(closing)
        if closing.startswith("</"):
            position = lowered.find(">", position) + 1 or len(text)
    return "".join([*kept, text[position:]])


@_text.add("string", "Writes any value as text; objects and lists as JSON.", "{{ 5000.0 | string }}", "5000",
           walks_through=True)  # fmt: skip
def _string(value: Any) -> str:
    return as_text(value)


FILTERS: Final[Mapping[str, FilterDoc]] = _text.docs
