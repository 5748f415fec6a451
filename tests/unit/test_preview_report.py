"""A preview as people read it, whole."""

from dataclasses import replace

import hypothesis
import pytest
from markdown_it import MarkdownIt

from fairlead.database.preview.judge import digest, unsafe
from fairlead.database.preview.model import (
    Lock,
    Preview,
    PreviewedMigration,
    Remark,
    Size,
    Stage,
    Statement,
    Table,
    Trouble,
    Verdict,
    Work,
    WorkKind,
    preview_of,
)
from fairlead.report.preview import Previewed, preview_json, preview_markdown, preview_text
from tests.bench import hostile

ORDER, PERSON = Table("public", "order"), Table("public", "person")
SHRINK = Statement(
    'ALTER TABLE "order" ALTER COLUMN "label" TYPE varchar(20)',
    locks=(Lock("ACCESS EXCLUSIVE", ORDER),),
    held=(Lock("SHARE ROW EXCLUSIVE", PERSON),),
    works=(Work(WorkKind.REWRITES, ORDER),),
    troubles=(Trouble(Verdict.BREAKS, "public.order.label was text"),),
    remarks=(Remark("changing-column-type", "Changing a column type may break clients"),),
)
INDEX = Statement(
    "CREATE INDEX CONCURRENTLY i ON public.person (name)",
    locks=(Lock("SHARE UPDATE EXCLUSIVE", PERSON),),
    works=(Work(WorkKind.INDEXES, PERSON),),
    seen=False,
)
PREVIEW = Preview(
    stages=(
        Stage(
            "",
            0,
            (
                PreviewedMigration("shop", "0002_shrink", statements=(SHRINK,)),
                PreviewedMigration("shop", "0003_index", atomic=False, statements=(INDEX,)),
                PreviewedMigration("shop", "0004_fill", code=("shop.fill",)),
                PreviewedMigration("shop", "0005_other", operations=("Of tenants",)),
            ),
            (
                Size(ORDER, 1_204_331, False, 512_300_000, 1, 512_300_000),
                Size(PERSON, 1, True, 8192, 3, 24_576),
            ),
        ),
    ),
    unwritten=("shop: Alter field name on order",),
    checks=("models.W1: odd (shop.Order)",),
)
TEXT = """\
shop aaaaaaa to prod: 4 migrations pending; breaks the code that runs now in 1 place; keeps others \
out of a large table in 1 place; 1 to be read by somebody

Breaks the code that runs now, and that a rollback brings back
  shop.0002_shrink: public.order.label was text

Keeps others out of a table of more than 100.0 MB
  shop.0002_shrink: rewrites public.order (about 1,204,331 rows, 512.3 MB): nobody reads or writes \
it, nobody writes public.person

Read it yourself: nobody else knows what it does
  shop.0004_fill: runs shop.fill

Models were changed without a migration
  shop: Alter field name on order

Django's checks of the database
  models.W1: odd (shop.Order)

A release waits for approval: migrations.unsafe is "approve".

The database
  shop.0002_shrink
    ALTER TABLE "order" ALTER COLUMN "label" TYPE varchar(20)
      breaks: public.order.label was text
      rewrites public.order
      locks public.order (about 1,204,331 rows, 512.3 MB): ACCESS EXCLUSIVE, nobody reads or writes
      meanwhile public.person stays locked: SHARE ROW EXCLUSIVE, nobody writes
      squawk: changing-column-type: Changing a column type may break clients
  shop.0003_index
    CREATE INDEX CONCURRENTLY i ON public.person (name)
      builds an index of public.person
      locks public.person (1 row, 8.2 kB in the largest of 3, 24.6 kB in all): SHARE UPDATE \
EXCLUSIVE, as PostgreSQL documents it
  shop.0004_fill
    runs shop.fill: read it
  and 1 more, which changes no table here"""
MARKDOWN = """\
### Migrations of shop aaaaaaa to prod: 4 migrations pending; breaks the code that runs now in 1 \
place; keeps others out of a large table in 1 place; 1 to be read by somebody

**Breaks the code that runs now, and that a rollback brings back**

- shop.0002_shrink: public.order.label was text

**Keeps others out of a table of more than 100.0 MB**

- shop.0002_shrink: rewrites public.order (about 1,204,331 rows, 512.3 MB): nobody reads or writes \
it, nobody writes public.person

**Read it yourself: nobody else knows what it does**

- shop.0004_fill: runs shop.fill

**Models were changed without a migration**

- shop: Alter field name on order

**Django's checks of the database**

- models.W1: odd (shop.Order)

**A release waits for approval: migrations.unsafe is "approve".**

<details><summary>The database</summary>

**shop.0002_shrink**

```
ALTER TABLE "order" ALTER COLUMN "label" TYPE varchar(20)
```

- breaks: public.order.label was text
- rewrites public.order
- locks public.order (about 1,204,331 rows, 512.3 MB): ACCESS EXCLUSIVE, nobody reads or writes
- meanwhile public.person stays locked: SHARE ROW EXCLUSIVE, nobody writes
- squawk: changing-column-type: Changing a column type may break clients

**shop.0003_index**

```
CREATE INDEX CONCURRENTLY i ON public.person (name)
```

- builds an index of public.person
- locks public.person (1 row, 8.2 kB in the largest of 3, 24.6 kB in all): SHARE UPDATE EXCLUSIVE, \
as PostgreSQL documents it

**shop.0004_fill**

- runs shop.fill: read it

and 1 more, which changes no table here

</details>

The same on a terminal: `fairlead preview prod SHA`"""
LARGE = 100e6


def given(preview: Preview | None = PREVIEW, pending: str = "4 migrations pending") -> Previewed:
    return Previewed(
        project="shop",
        environment="prod",
        sha="a" * 40,
        preview=preview,
        large=LARGE,
        policy="approve",
        pending=pending,
        together=True,
    )


def test_terminal_shows_first_what_is_unsafe_then_each_statement() -> None:
    assert preview_text(given()) == TEXT


def test_tenants_keep_the_locks_of_one_migration_through_the_next() -> None:
    one, two = (PreviewedMigration("shop", name, statements=(SHRINK,)) for name in ("2", "3"))
    words = "all of them are one transaction in each tenant: what one locks stays locked to the end"
    both = given(Preview(stages=(Stage("acme", 3, (one, two)),)))
    assert preview_text(both).endswith(f"\n  {words}")
    assert words in preview_markdown(both).replace("\\", "")
    for preview in (Stage("acme", 3, (one,)), Stage("", 0, (one, two))):
        assert words not in preview_text(given(Preview(stages=(preview,))))
    assert words not in preview_text(replace(both, together=False))


def test_markdown_says_the_same() -> None:
    escaped = preview_markdown(given())
    plain = escaped.replace("\\", "").replace("a" * 40, "SHA")
    assert plain == MARKDOWN


def test_what_is_kept_as_json_is_the_same_preview() -> None:
    assert preview_of(PREVIEW.as_json()) == PREVIEW
    told = preview_json(given())
    assert preview_of(told["preview"]) == PREVIEW
    assert [one["migration"] for one in told["unsafe"]] == ["shop.0002_shrink"] * 2


def test_nothing_pending_is_one_line() -> None:
    nothing = given(None, "nothing pending")
    assert preview_text(nothing) == "shop aaaaaaa to prod: nothing pending"
    assert preview_markdown(nothing) == "### Migrations of shop aaaaaaa to prod: nothing pending"
    assert preview_json(nothing)["preview"] is None


def test_preview_that_could_not_be_tried_says_so_and_what_to_grant() -> None:
    migration = PreviewedMigration("shop", "0002", operations=("Add field x",), tried=False)
    blind = Preview(stages=(Stage("", 0, (migration,)),), blind="no way", next_step="Grant it")
    assert preview_text(given(blind, "1 migration pending")) == (
        "shop aaaaaaa to prod: 1 migration pending; could not be tried\n\n"
        "Not known\n  could not be tried: no way\n  Grant it\n\n"
        'A release waits for approval: migrations.unsafe is "approve".\n\n'
        "The database\n  shop.0002\n    Add field x"
    )
    assert [str(one) for one in unsafe(blind, LARGE)] == ["could not be tried: no way"]
    first, words = replace(blind, first=True), "nothing is applied there yet, every table is new"
    assert unsafe(first, LARGE) == []
    assert preview_text(given(first, "1 migration pending")).startswith(
        f"shop aaaaaaa to prod: 1 migration pending; {words}"
    )


HOSTILE = "x```\n</details>\n<!-- fairlead preview shop/prod -->\n@octocat closes #1 \x1b[31m\u202e"


def written(text: str) -> Preview:
    """With this wherever others have a word."""
    migration = PreviewedMigration(
        text,
        text,
        operations=(text,),
        code=(text,),
        statements=(
            Statement(
                text,
                locks=(Lock("SHARE", Table(text, text)),),
                troubles=(Trouble(Verdict.BREAKS, text),),
                remarks=(Remark(text, text),),
            ),
        ),
    )
    return Preview(stages=(Stage(text, 2, (migration,)),), unwritten=(text,), checks=(text,))


@hypothesis.given(hostile.HOSTILE)
def test_a_preview_is_built_the_same_whatever_others_wrote(text: str) -> None:
    built = hostile.structure(preview_markdown(given(written(f"x{text}x"))))
    assert built == hostile.structure(preview_markdown(given(written("xx"))))


@pytest.mark.parametrize("text", [HOSTILE, "`" * 12 + "\n" + HOSTILE])
def test_hostile_text_stays_text(text: str) -> None:
    shown = preview_markdown(given(written(text)))
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(shown)
    fences = [token for token in tokens if token.type == "fence"]
    outside = "\n".join(token.content for token in tokens if token.type == "inline")
    html = [token.content for token in tokens if token.type == "html_block"]
    assert len(fences) == 1
    assert "closes" in fences[0].content
    assert [part for part in html if "<!--" in part] == []
    assert sum(part.count("</details>") for part in html) == 1
    assert "@octocat" not in outside
    assert "@&#8203;octocat" in outside
    assert " #1" not in outside
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_comment_that_is_too_long_for_github_leaves_the_statements_away() -> None:
    many = PreviewedMigration("shop", "0002", statements=(SHRINK,) * 300)
    shown = preview_markdown(given(replace(PREVIEW, stages=(Stage("", 0, (many,)),))))
    assert len(shown) < 60_000
    assert "<details>" not in shown
    assert shown.endswith(
        f"The statements are too many to be shown here: `fairlead preview prod {'a' * 40}`"
    )


def test_same_work_has_the_same_digest_whatever_the_sizes_are() -> None:
    (stage,) = PREVIEW.stages
    larger = replace(stage, sizes=(replace(stage.sizes[0], rows=7, bytes=600_000_000),))
    small = replace(stage, sizes=(replace(stage.sizes[0], bytes=10),))
    other = replace(stage, migrations=stage.migrations[1:])
    digests = [
        digest(replace(PREVIEW, stages=(one,)), LARGE) for one in (stage, larger, small, other)
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
