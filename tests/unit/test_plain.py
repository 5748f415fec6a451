"""Text of others, shortened the same wherever it is kept, shown or sent."""

from hypothesis import given
from hypothesis import strategies as st

from fairlead.dispatch import events
from fairlead.github import calls
from fairlead.github.errors import refused
from fairlead.plain import one_line


@given(st.text(), st.integers(1, 30))
def test_one_line_is_one_printable_line_that_is_not_too_long(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert line.isprintable()
    assert len(line) <= limit
    assert one_line(line, limit) == line


def test_what_is_left_out_is_marked_wherever_a_text_is_shortened() -> None:
    text = "two\n\x1b[1m words\u202e " + "x" * 600
    whole = "two [1m words " + "x" * 600
    assert one_line(text, 20) == "two [1m words xxxxx…"
    assert calls.short(text) == f"{whole[:139]}…"
    assert events.short(text) == f"{whole[:499]}…"
    said = refused(500, {}, f'{{"message": "{"x" * 300}"}}', "octocat/shop").message
    assert said == f"GitHub says 500 Internal Server Error for octocat/shop: {'x' * 199}…."
