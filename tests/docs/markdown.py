"""What a test reads from a document: its code blocks, headings and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block: the word after the fence, and its lines."""

    language: str
    text: str


def blocks(path: Path, language: str = "") -> list[Block]:
    """Return the fenced blocks of a document, or those of one language, in order."""
    found = [Block(*match) for match in _FENCE.findall(path.read_text(encoding="utf-8"))]
    return [block for block in found if not language or block.language == language]


def prose(path: Path) -> str:
    """Return a document without its fenced blocks."""
    return _FENCE.sub("", path.read_text(encoding="utf-8"))


def links(path: Path) -> Iterator[str]:
    return iter(_LINK.findall(prose(path)))


def anchors(path: Path) -> set[str]:
    """Return what a link to a heading of the document ends with, as GitHub writes it."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(prose(path))
    }


def documents() -> list[Path]:
    return [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
