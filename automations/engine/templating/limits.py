"""The bounds of the template language, each named once.

They hold for every template, wherever it runs: at saving, in a preview and in a run.
"""

from __future__ import annotations

from typing import Final

# -- the source, checked when it is saved ---------------------------------------------------------

MAX_SOURCE_BYTES: Final = 16_384
MAX_SYNTAX_NODES: Final = 600
MAX_SYNTAX_TOKENS: Final = 4_000
"""Words, signs and blanks; more could not make few enough nodes, and parsing them takes long."""
MAX_SYNTAX_DEPTH: Final = 60
MAX_LOOP_DEPTH: Final = 2
COMPILED_TEMPLATES_KEPT: Final = 2_048

# -- the work, counted while it renders -----------------------------------------------------------

MAX_STEPS: Final = 20_000
"""One step: an operator, a filter, an output, an item of a loop, or 4 KB of text looked at."""
CHARACTERS_PER_STEP: Final = 4_096
SYNTAX_NODES_PER_STEP: Final = 8
"""A loop's item costs one step more for every so many nodes in the body."""
MAX_WORK_CHARACTERS: Final = 1_048_576
"""The longest text between two filters; an event's body may be 1 MiB before it is cut."""
MAX_ITEMS: Final = 10_000
MAX_RANGE: Final = 1_000

# -- the value that comes out ---------------------------------------------------------------------

MAX_VALUE_BYTES: Final = 65_536
"""A text's UTF-8 bytes; for lists and objects, the bytes of all their texts plus one for each value."""
MAX_NESTING: Final = 64
INTEGER_BOUND: Final = 10**30
"""Whole numbers lie strictly between minus this and this."""

# -- the warm worker process ----------------------------------------------------------------------

WORKER_MEMORY_BYTES: Final = 512 * 1024 * 1024
WORKER_CPU_S: Final = 2
RENDERS_PER_WORKER: Final = 1_000
