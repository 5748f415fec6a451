"""What people read of a refresh: the report, the notice, whole."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fairlead.model import PhaseName, RefreshState, StepOutcome
from fairlead.notify import RefreshNotice
from fairlead.notify.refresh_message import build_refresh_message
from fairlead.report import refresh_report, refresh_summary
from tests.unit.test_refresh import THEN, phase, row
from tests.unit.test_slack_message import shown

FIGURES = {
    "source_bytes": 993_000_000,
    "dump_bytes": 206_000_000,
    "new_bytes": 700_000_000,
    "tenants": 200,
    "tables": 12,
    "masked_columns": 34,
    "emptied_tables": 2,
    "values_compared": 90_000,
    "migrated": ["app.0002_a"],
    "carried": "3 rows of 1 tables",
    "swap_ms": 23,
    "kept": "shop_uat_before_refresh_20260102T030405678",
    "noticed": ["public.a.b is kept; 2 mail addresses in 9 values"],
}
ENDED = {"ended_at": THEN + timedelta(seconds=75)}


def test_the_report_of_a_good_one_is_whole() -> None:
    good = row(state=RefreshState.REFRESHED, figures=FIGURES, **ENDED)
    assert refresh_report(good, [phase(PhaseName.SWAP)]) == "\n".join(
        [
            "# ✔ Refresh 7: shop uat from prod succeeded",
            "",
            "- Asked for by: bob, schedule",
            "- Began: 2026-01-02 03:04:05 UTC",
            "- Took: 1 min 15 s",
            "- What ran: release 3",
            "- Read: the database",
            "- Production: 993\\.0 MB",
            "- Dump: 206\\.0 MB",
            "- New database: 700\\.0 MB",
            "- Tenants: 200",
            "- Masked: 34 columns of 12 tables",
            "- Emptied: 2 tables",
            "- Proven: 90000 values",
            "- Migrated: app.0002\\_a",
            "- Carried over: 3 rows of 1 tables",
            "- Took no connection for: 23 ms",
            "- What it had before: shop\\_uat\\_before\\_refresh\\_20260102T030405678",
            "",
            "## Phases",
            "",
            "| Phase | Outcome | Took | What it did |",
            "| --- | --- | --- | --- |",
            "| swap | succeeded | 0.0 s |  |",
            "",
            "## Worth a look",
            "",
            "- public.a.b is kept; 2 mail addresses in 9 values",
        ]
    )


def test_what_failed_is_told_with_what_it_said_last() -> None:
    bad = row(state=RefreshState.FAILED, error="pg_restore ended\n```", **ENDED)
    failed = replace(
        phase(PhaseName.RESTORE, StepOutcome.FAILED), error="pg_restore ended", log_tail="a\nb"
    )
    text = refresh_report(bad, [failed])
    assert text.startswith(
        "# ✖ Refresh 7: shop uat from prod failed; the environment has the data that it had\n\n"
        "````\npg_restore ended\n```\n````"
    )
    assert text.endswith("## What restore said last\n\n```\na\nb\n```")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RefreshState.RUNNING, "‼ refresh 7 of uat from prod lost its lease, and is settled by"),
        (RefreshState.REFRESHED, "✔ refresh 7 of uat from prod succeeded"),
        (RefreshState.REFUSED, "✖ refresh 7 of uat from prod was refused, nothing was touched"),
        (RefreshState.NOT_PUT_BACK, "‼ refresh 7 of uat from prod failed, and the old data was"),
        (RefreshState.UNDONE, "↩ refresh 7 of uat from prod was undone"),
    ],
)
def test_a_list_of_reports_says_how_each_ended(state: RefreshState, words: str) -> None:
    assert refresh_summary(row(state=state)).startswith(words)


def message(**given: Any) -> dict[str, Any]:
    usual = {"project": "shop", "environment": "uat", "source": "prod", "refresh": 7}
    return build_refresh_message(RefreshNotice(**{**usual, **given}))


def test_a_failure_is_told_with_its_phase_and_its_words() -> None:
    told = message(
        state=RefreshState.FAILED,
        phase=PhaseName.MASK,
        error="one\ntwo <!channel>",
        url="https://uat.example/",
    )
    assert told == shown(
        "✖ shop uat: not refreshed from prod, it has the data that it had",
        "During mask:\n```\none\ntwo &lt;!channel&gt;\n```",
        "All of it: `fairlead refresh show 7`\n<https://uat.example/|Open the environment>",
    )


def test_that_it_works_again_is_told_in_a_line() -> None:
    assert message(state=RefreshState.REFRESHED) == shown(
        "✔ shop uat: it is refreshed from prod again", "All of it: `fairlead refresh show 7`"
    )
