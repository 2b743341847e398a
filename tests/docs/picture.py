"""Take the README's picture anew: `make demo`, then `python -m tests.docs.picture <the printed words>`."""

from __future__ import annotations

import sys

from playwright.sync_api import sync_playwright

from tests.chromium import FLAGS, find_chromium
from tests.docs.markdown import DOCS

ADDRESS, EMAIL = "http://127.0.0.1:8000", "demo@example.com"


def take(words: str) -> None:
    """Open the first recipe of the demo, test it, and keep what is seen."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        page = browser.new_context(viewport={"width": 1360, "height": 1080}).new_page()
        page.goto(f"{ADDRESS}/sign-in")
        page.fill("[name=email]", EMAIL)
        page.fill("[name=password]", words)
        page.get_by_role("button").first.click()
        page.goto(f"{ADDRESS}/recipes/1")
        page.get_by_role("button", name="Run test").click()
        page.get_by_text("It works for this sample").wait_for()
        page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
        page.screenshot(path=DOCS / "images" / "builder.png")
        browser.close()


if __name__ == "__main__":
    take(sys.argv[1])
