"""What others wrote is what they published, is listed, and works under our content security policy."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator

import pytest
from flask import Flask, Response
from playwright.sync_api import Browser
from werkzeug.serving import make_server

from automations.resources import static_folder

VENDOR = static_folder() / "vendor"
ROW = re.compile(r"^\| `(?P<file>[^`]+)` \|(?P<facts>.*)\| `(?P<sha256>[0-9a-f]{64})` \|$", re.MULTILINE)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)
PAGE = """<!doctype html><html lang="en"><title>Editor</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/vendor/pico.classless.min.css">
<meta name="htmx-config" content='{"includeIndicatorStyles": false, "allowEval": false}'>
<script src="/static/vendor/htmx.min.js"></script>
<script type="module" src="/editor.js"></script><main><div id="editor"></div></main></html>"""
SCRIPT = """import * as codemirror from "/static/vendor/codemirror.js";
const { EditorView, autocompletion, jinja, syntaxHighlighting, defaultHighlightStyle } = codemirror;
const root = document.getElementById("editor").attachShadow({ mode: "open" });
const deal = { variables: [{ label: "deal" }], properties: () => [{ label: "title" }, { label: "value" }] };
new EditorView({ doc: "{% if deal %}", parent: root, root,
  extensions: [jinja(deal), autocompletion(), syntaxHighlighting(defaultHighlightStyle)] });"""
WATCH = """window.violations = [];
document.addEventListener("securitypolicyviolation", e => window.violations.push(e.violatedDirective));"""


def listed() -> dict[str, str]:
    """Return the checksum of each file that `static/vendor/README.md` lists."""
    table = (VENDOR / "README.md").read_text(encoding="utf-8")
    return {row["file"]: row["sha256"] for row in ROW.finditer(table)}


def present() -> dict[str, str]:
    """Return the checksum of each file in `static/vendor/`, except the list itself."""
    files = [path for path in VENDOR.rglob("*") if path.is_file() and "node_modules" not in path.parts]
    names = {path.relative_to(VENDOR).as_posix(): path for path in files}
    del names["README.md"]
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in names.items()}


def test_every_vendored_file_is_listed_and_every_listed_file_is_there() -> None:
    assert sorted(listed()) == sorted(present())


def test_every_vendored_file_has_the_checksum_of_the_list() -> None:
    found = present()
    changed = [name for name, checksum in listed().items() if found.get(name) != checksum]
    assert not changed, f"These differ from static/vendor/README.md: {', '.join(changed)}."


def test_every_vendored_asset_has_its_licence_beside_it() -> None:
    licences = {name.split(".")[0] for name in present() if name.endswith(".LICENSE.txt")}
    assets = {name.split(".")[0] for name in present() if name.endswith((".js", ".css")) and "/" not in name}
    assert assets == licences


@pytest.mark.parametrize("name", ["htmx.min.js", "pico.classless.min.css", "codemirror.js"])
def test_no_vendored_asset_loads_anything_from_elsewhere(name: str) -> None:
    text = (VENDOR / name).read_text(encoding="utf-8")
    loads = re.findall(r"""url\(["']?(?!data:)[^)]{0,80}\)|@import|\bimport\s*\(|sourceMappingURL""", text)
    assert not loads


@pytest.fixture
def address() -> Iterator[str]:
    """Serve one page with the editor in it under the policy of every page of ours."""
    app = Flask(__name__, static_folder=static_folder(), static_url_path="/static")
    app.add_url_rule("/", view_func=lambda: Response(PAGE, headers={"Content-Security-Policy": POLICY}))
    app.add_url_rule("/editor.js", "script", lambda: Response(SCRIPT, mimetype="text/javascript"))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.browser
def test_editor_in_a_shadow_root_keeps_to_the_policy(chromium: Browser, address: str) -> None:
    page = chromium.new_page()
    page.add_init_script(WATCH)
    try:
        page.goto(address)
        page.locator(".cm-content").click()
        page.keyboard.press("End")
        page.keyboard.type(" {{ deal.")
        page.locator(".cm-tooltip-autocomplete li").first.wait_for()
        assert page.locator(".cm-tooltip-autocomplete li").all_inner_texts() == ["title", "value"]
        display = page.locator(".cm-scroller").evaluate("element => getComputedStyle(element).display")
        assert display == "flex", "the editor's own style sheet did not reach it"
        assert page.evaluate("htmx.version") == "2.0.11"
        assert page.evaluate("window.violations") == []
    finally:
        page.close()
