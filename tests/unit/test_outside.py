"""What of an answer from outside is not as expected."""

import httpx
import pytest

from fairlead.config import Smoke
from fairlead.engine.outside import excerpt, wrong

HEADERS = httpx.Headers({"X-Frame-Options": "DENY"})


@pytest.mark.parametrize(
    ("smoke", "problem"),
    [
        (Smoke(), None),
        (Smoke(body="<h1>Shop</h1>"), None),
        (Smoke(headers={"x-frame-options": "DENY"}), None),
        (Smoke(status=204), 'answered 200, not 204: "Shop"'),
        (Smoke(body='"products"'), 'does not contain ""products""'),
        (
            Smoke(headers={"X-Frame-Options": "SAMEORIGIN"}),
            "has the header X-Frame-Options: DENY, not SAMEORIGIN",
        ),
        (Smoke(headers={"X-None": "a"}), "has the header X-None: None, not a"),
    ],
)
def test_an_answer_is_compared_with_what_has_to_come_back(
    smoke: Smoke, problem: str | None
) -> None:
    assert wrong(smoke, 200, HEADERS, "<h1>Shop</h1>") == problem


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("", ""),
        ("  \n", ""),
        ("<html><body class=x>\n<h1>Server Error</h1> (500)</body></html>",
         ': "Server Error (500)"'),
        ("x" * 3000, f': "{"x" * 200}"'),
    ],
)  # fmt: skip
def test_a_message_shows_the_beginning_of_an_answer_without_markup(body: str, shown: str) -> None:
    assert excerpt(body) == shown
