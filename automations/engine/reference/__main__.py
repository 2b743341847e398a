"""`python -m automations.engine.reference` prints the whole reference as Markdown."""

import sys

from automations.engine.reference import reference
from automations.engine.reference.markdown import as_markdown
from automations.engine.registry import Registry

if __name__ == "__main__":
    sys.stdout.write(as_markdown(reference(Registry.discover())))
