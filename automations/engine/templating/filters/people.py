"""Filters for names, e-mail addresses and phone numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from automations.engine.templating.documented import FilterDoc, FilterTable
from automations.engine.templating.filters.text import plain
from automations.engine.templating.missing import MISSING
from automations.engine.templating.spelling import did_you_mean
from automations.engine.templating.values import shown
from automations.errors import MappingError

_people = FilterTable("People")
_LONGEST_EMAIL: Final = 254
_LONGEST_PHONE: Final = 60
_LONGEST_NAME: Final = 500
_EMAIL: Final = re.compile(r"[^\s@<>(),;:\"\[\]\\]+@(?:[^\s@<>(),;:\"\[\]\\.]+\.)+[^\s@<>(),;:\"\[\]\\.]{2,}")
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\xad"))
_BEFORE_SURNAME: Final = frozenset(
    {
        "van",
        "von",
        "der",
        "den",
        "de",
        "del",
        "della",
        "di",
        "da",
        "dos",
        "das",
        "du",
        "la",
        "le",
        "el",
        "al",
        "bin",
        "ibn",
        "ten",
        "ter",
        "zu",
        "zum",
        "zur",
        "af",
        "av",
    }
)


@_people.add("normalize_email", "Trims an e-mail address and writes it in small letters.",
             "{{ ' Anna@Example.COM ' | normalize_email }}", "anna@example.com")  # fmt: skip
def _normalize_email(value: Any) -> str:
    text = value if isinstance(value, str) and len(value) <= 2 * _LONGEST_EMAIL else ""
    address = text.translate(_INVISIBLE).strip().lower().removeprefix("mailto:").strip()
    if len(address) > _LONGEST_EMAIL or not _EMAIL.fullmatch(address):
        raise MappingError(
            f"{shown(value)} is not an e-mail address. Choose the field that holds one address."
        )
    return address


@_people.add("e164(region)", "Writes a phone number as +49…; region is the country of numbers without one.",
             "{{ '030 901820' | e164('DE') }}", "+4930901820", steps=20)  # fmt: skip
def _e164(value: Any, region: Any = None) -> str:
    """A possible number is enough: the lists of valid ones lag behind what operators hand out."""
    # Imported at first use: it takes longer to load than all the rest of the engine.
    import phonenumbers

    country = _region(region, phonenumbers.SUPPORTED_REGIONS) if region is not None else None
    text = plain(value, "e164").strip()
    try:
        number = phonenumbers.parse(text, country) if len(text) <= _LONGEST_PHONE else None
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        where = f" in {country}" if country else ""
        raise MappingError(
            f"{shown(value)} is not a phone number{where}. Write the number with its country code, as +49…, "
            "or name its country, as e164('DE')."
        )
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _region(region: Any, known: Any) -> str:
    code = region.strip().upper() if isinstance(region, str) and len(region) < 10 else ""
    if code not in known:
        near = did_you_mean(code, known) if code else ""
        raise MappingError(f"{shown(region)} is not a country.{near} Use two letters, as e164('DE').")
    return code


def split_words(name: str) -> tuple[str, str]:
    """Return first and last name. `Schmidt, Anna` is turned; `van`, `de` and the like belong to the last."""
    before, comma, after = name.partition(",")
    if comma and before.strip() and after.strip():
        return " ".join(after.split()), " ".join(before.split())
    words = name.replace(",", " ").split()
    if len(words) < 2:
        return (words[0] if words else ""), ""
    start = len(words) - 1
    while start > 1 and words[start - 1] in _BEFORE_SURNAME:
        start -= 1
    return " ".join(words[:start]), " ".join(words[start:])


def _split(value: Any, name: str) -> tuple[str, str]:
    text = plain(value, name)
    if len(text) > _LONGEST_NAME:
        raise MappingError(f"'{name}' needs a name, but found a text of {len(text):,} characters.")
    return split_words(text)


@_people.add("split_name", "Splits a full name into an object of `first` and `last`.",
             "{{ 'Anna van der Berg' | split_name }}", {"first": "Anna", "last": "van der Berg"})  # fmt: skip
def _split_name(value: Any) -> dict[str, Any]:
    first, last = _split(value, "split_name")
    return {"first": first or None, "last": last or None}


@_people.add(
    "first_name", "Gives the first name of a full name.", "{{ 'Schmidt, Anna' | first_name }}", "Anna"
)
def _first_name(value: Any) -> Any:
    return _split(value, "first_name")[0] or MISSING


@_people.add("last_name", "Gives the last name; missing where there is one word only.",
             "{{ 'Anna Schmidt' | last_name }}", "Schmidt")  # fmt: skip
def _last_name(value: Any) -> Any:
    return _split(value, "last_name")[1] or MISSING


FILTERS: Final[Mapping[str, FilterDoc]] = _people.docs
