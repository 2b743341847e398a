"""What every page keeps to, read from its markup as a browser would."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "input", "br", "hr", "img", "path", "col", "rect", "circle"})


class Page(HTMLParser):
    """faults: what the content security policy or a reader of the page would stumble over."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.landmarks: list[str] = []
        self.headings = 0
        self._labels: set[str] = set()
        self._inputs: list[str] = []
        self._in_label = 0
        self._in_script = False
        self.feed(text)
        self.faults += [f"two elements have the id {i}" for i in set(self.ids) if self.ids.count(i) > 1]
        self.faults += [f"#{i} has no label" for i in self._inputs if i not in self._labels]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.faults += [f"<{tag}> handles {name} inline" for name in given if name.startswith("on")]
        self.faults += [f"<{tag}> evaluates {name}" for name in given if name.startswith("hx-on")]
        if "style" in given or tag == "style":
            self.faults.append(f"<{tag}> is styled inline")
        for name in ("href", "src", "action"):
            if given.get(name, "").lower().startswith(("javascript:", "http:", "https:", "//")):
                self.faults.append(f"<{tag}> leads to {given[name]}")
        self._in_script = tag == "script" and given.get("type") != "application/json"
        if "id" in given:
            self.ids.append(given["id"])
        if tag in ("main", "nav", "header", "aside"):
            self.landmarks.append(tag)
        self.headings += tag == "h1"
        self._note_labels(tag, given)

    def _note_labels(self, tag: str, given: dict[str, str]) -> None:
        self._in_label += tag == "label"
        if tag == "label" and "for" in given:
            self._labels.add(given["for"])
        is_input = tag in ("select", "textarea") or (
            tag == "input" and given.get("type") not in ("hidden", "submit")
        )
        named = self._in_label or "aria-label" in given or "aria-labelledby" in given
        if is_input and not named:
            self._inputs.append(given.get("id", f"{tag} {given.get('name')}"))

    def handle_endtag(self, tag: str) -> None:
        self._in_label -= tag == "label"
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.faults.append("there is an inline script")
