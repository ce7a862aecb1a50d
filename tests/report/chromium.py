"""Headless Chromium, and what the tests look for in a page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
        if (found := shutil.which(name))
    ),
    None,
)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def tab(
    browser: Browser, *, width: int = 1280, height: int = 900, **options: Any
) -> Iterator[Page]:
    """A page in a browser of its own, in which nothing may go wrong: no error, nothing refused."""
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        yield page
        assert wrong == []
    finally:
        context.close()


def visit(page: Page, address: str) -> None:
    """Open an address, and wait until its script has shown what it asks for."""
    page.goto(address)
    page.wait_for_selector("html[data-ready]", state="attached")


def outcomes(page: Page) -> list[str]:
    """The outcomes of the listed episodes."""
    return page.locator(".row .outcome").all_inner_texts()


def fits(page: Page) -> bool:
    """Whether nothing makes the page scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))
