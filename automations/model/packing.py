"""What old rows look like on disk: compressed against words that many rows share, and read as if they were not.

A packed text begins with `~`, packed bytes with `MARK`; both then name their words by digest. So a reader needs no
other column, packed and plain rows stand side by side, and words of the same content are the same words everywhere.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol
from weakref import WeakSet

from automations.errors import SettingsError, StorageUnavailableError

TEXT_MARK: Final = "~"
MARK: Final = b"\x00\xffP"
WORDS_MAX: Final = 32_000
_DIGEST: Final = 8
_PLAIN: Final = bytes(_DIGEST)
_WORTH_IT: Final = 0.9
_UNPACKED_MAX: Final = 64 * 2**20
_PART: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[^"\d-]+|-')
_SHARED_BY: Final = 0.25


class KeepsWords(Protocol):
    """Where the words of a digest may be found."""

    def words(self, digest: str) -> bytes | None: ...


_known: dict[bytes, bytes] = {}
_keepers: WeakSet[KeepsWords] = WeakSet()


def ask_also(keeper: KeepsWords) -> None:
    """Look for unknown words there, too, for as long as it lives."""
    _keepers.add(keeper)


def ask_no_more(keeper: KeepsWords) -> None:
    """Forget what `ask_also` was told."""
    _keepers.discard(keeper)


def digest_of(words: bytes) -> str:
    return hashlib.sha256(words).hexdigest()[: 2 * _DIGEST]


def pack(body: bytes, words: bytes) -> bytes | None:
    """Return the packed form, or None where it would save less than a tenth."""
    squeezing = zlib.compressobj(6, zlib.DEFLATED, -15, zdict=words)
    squeezed = squeezing.compress(body) + squeezing.flush()
    packed = MARK + bytes.fromhex(digest_of(words)) + squeezed
    return packed if len(packed) < _WORTH_IT * len(body) else None


def pack_text(text: str, words: bytes) -> str | None:
    """Return the packed form, or None where it would save less than a tenth."""
    packed = pack(text.encode("utf-8"), words)
    if packed is None:
        return None
    shown = TEXT_MARK + base64.b64encode(packed[len(MARK) :]).decode("ascii")
    return shown if len(shown) < _WORTH_IT * len(text) else None


def is_packed(stored: str | bytes) -> bool:
    return stored.startswith(TEXT_MARK) if isinstance(stored, str) else stored.startswith(MARK)


def unpack_text(text: str) -> str:
    """Return what `pack_text` was given; a plain text as it is. Raises SettingsError where the words are lost,
    StorageUnavailableError where they cannot be asked for just now.
    """
    if not text.startswith(TEXT_MARK):
        return text
    return _unpacked(base64.b64decode(text[1:])).decode("utf-8")


def unpack(stored: bytes) -> bytes:
    """Return what `pack` or `guarded` was given; plain bytes as they are. Raises as `unpack_text`."""
    return _unpacked(stored[len(MARK) :]) if stored.startswith(MARK) else stored


def guarded(body: bytes) -> bytes:
    """Return bytes from outside so that `unpack` gives them back, also when they look packed."""
    return MARK + _PLAIN + body if body.startswith(MARK) else body


def _unpacked(stored: bytes) -> bytes:
    digest, body = stored[:_DIGEST], stored[_DIGEST:]
    if digest == _PLAIN:
        return body
    words = _known.get(digest) or _found(digest)
    expanding = zlib.decompressobj(-15, zdict=words)
    return expanding.decompress(body, _UNPACKED_MAX)


def _found(digest: bytes) -> bytes:
    away: StorageUnavailableError | None = None
    for keeper in list(_keepers):
        try:
            words = keeper.words(digest.hex())
        except StorageUnavailableError as error:
            away = error
            continue
        if words is not None:
            _known[digest] = words
            return words
    if away is not None:
        raise away
    raise SettingsError(
        f"Old rows are packed with words ({digest.hex()}) that the table packing_words does not have. "
        "Restore that table from a backup."
    )


def shared_words(bodies: Sequence[bytes]) -> bytes:
    """Return what many of the bodies have in common, in the order of a typical one; at most `WORDS_MAX` bytes.

    A value that fewer than a quarter of them hold is left out: words outlive the rows they were learnt from, and
    must not keep what a person said once.
    """
    parts = [_PART.findall(body) for body in bodies]
    holders = Counter(part for found in parts for part in set(found))
    least = max(2, _SHARED_BY * len(bodies))
    kept: dict[bytes, None] = {}
    for found in sorted(parts, key=len):
        text = b"".join(part for part in found if holders[part] >= least)
        if text and text not in kept:
            kept[text] = None
    # The window looks back; what stands last is the cheapest to point at, so the fullest row goes there.
    return b"".join(_newest_first(list(kept)))[-WORDS_MAX:]


def _newest_first(texts: list[bytes]) -> list[bytes]:
    """Drop shapes beyond what fits, keeping the fullest ones."""
    chosen: list[bytes] = []
    room = WORDS_MAX
    for text in reversed(texts):
        if len(text) > room:
            continue
        chosen.append(text)
        room -= len(text)
    return list(reversed(chosen))
