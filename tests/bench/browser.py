"""Prefect's UI in the machine's own Chromium, used as a person uses it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",  # as root Chromium does not start with one
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 60_000  # milliseconds until what a person waits for is there, on a machine that is busy
FADED_IN = 1000  # milliseconds that the UI takes to fade a page in


@dataclass(frozen=True)
class Browser:
    """One tab on the UI at `url`; screenshots go to `folder`."""

    page: Page
    url: str
    folder: Path

    def open(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")

    def shoot(self, name: str, *, height: int = 1000) -> None:
        """Once the page has faded in, as high as it takes to see all of it."""
        self.page.set_viewport_size({"width": 1440, "height": height})
        self.page.wait_for_timeout(FADED_IN)
        self.page.screenshot(path=self.folder / f"{name}.png")

    def click(self, words: str) -> None:
        self.page.get_by_text(words, exact=True).filter(visible=True).first.click()

    def press(self, button: str) -> None:
        self.page.get_by_role("button", name=button, exact=True).click()

    def sees(self, words: str, *, exact: bool = True) -> None:
        found = self.page.get_by_text(words, exact=exact).filter(visible=True)
        expect(found.first).to_be_visible()

    def field(self, name: str) -> Locator:
        """A field of a deployment's form, with its label and its description."""
        called = re.compile(rf"^{name}( \(Optional\))?$")
        label = self.page.locator(".schema-form-property__label", has_text=called)
        return self.page.locator(".schema-form-property").filter(has=label)

    def fill(self, name: str, value: str) -> None:
        self.field(name).locator("textarea").fill(value)

    def choose(self, name: str, option: str) -> None:
        """By the keyboard: a click of Playwright's does not open the list of a form in a dialog."""
        self.field(name).locator(".p-select-button__control").press("ArrowDown")
        self.page.locator(".p-select-option").get_by_text(option, exact=True).click()

    def follow(self, path: str) -> None:
        """The link to a page of the UI, once this page has it."""
        self.page.locator(f"a[href*='{path}']").first.click()

    def article(self) -> Locator:
        """The Markdown artifact of this page."""
        found = self.page.locator(".artifact-data-markdown")
        expect(found).to_be_visible()
        return found


def open_form(desk: Browser, environment: str) -> None:
    """From the list of deployments to the form of the environment's release."""
    desk.open("/deployments")
    desk.page.get_by_placeholder("Search deployments").fill(environment)
    row = desk.page.locator("tr", has=desk.page.get_by_text("release", exact=True))
    found = row.get_by_role("link", name=environment, exact=True)
    expect(found).to_have_count(1)
    desk.shoot("1-deployments")
    found.click()
    desk.press("Run")
    desk.shoot("2-deployment")
    desk.click("Custom run")


def lines(shown: Locator) -> list[str]:
    """What a person reads there, a line each."""
    words = [" ".join(line.split()) for line in shown.inner_text().splitlines()]
    return [line for line in words if line]


def links(shown: Locator) -> list[tuple[str, str | None]]:
    found = shown.get_by_role("link").all()
    return [(link.inner_text(), link.get_attribute("href")) for link in found]


@contextmanager
def browser(url: str, profile: Path, folder: Path) -> Iterator[Browser]:
    """A Chromium of its own on a new, empty `profile`."""
    folder.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, headless=True, args=FLAGS
        )
        context.set_default_timeout(PATIENCE)
        try:
            yield Browser(context.pages[0], url, folder)
        finally:
            context.close()
