"""Every error's whole message, and the exit code that a script decides on."""

import inspect
from datetime import UTC, datetime

import pytest

from fairlead import errors
from fairlead.cli.failing import exit_code_of
from fairlead.errors import FairleadError
from fairlead.model import EXIT_CODES, RefreshState, ReleaseState, parse_sha
from tests.bench.bench import sha_of

SHA = sha_of("v1")
OTHER = sha_of("v2")
SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CHECK = "then try: fairlead check"

MESSAGES: list[tuple[FairleadError, int, str]] = [
    (
        errors.BadSha("main"),
        2,
        '"main" is not a commit SHA: it has to be 40 lower-case hex digits.\n'
        "Take the full one: git rev-parse HEAD",
    ),
    (
        errors.UnknownEnvironment("qa", ["dev", "prod"]),
        2,
        'There is no environment "qa" in the config.\nIt has: dev, prod',
    ),
    (
        errors.UnknownService("web", ["backend"]),
        2,
        'There is no service "web" in the config.\nIt has: backend',
    ),
    (
        errors.UnknownRelease("7"),
        2,
        "The store knows no release 7.\nSee which there are: fairlead history",
    ),
    (
        errors.UnknownBackup("dev", 7),
        2,
        "dev has no backup 7.\nSee which there are: fairlead backups dev",
    ),
    (
        errors.UnknownRefresh(7),
        2,
        "The store knows no refresh 7.\nSee which there are: fairlead refresh history ENV",
    ),
    (
        errors.RefreshRefused("uat", "there is no room", "Make some."),
        3,
        "uat is not refreshed: there is no room.\nMake some.",
    ),
    (
        errors.RefreshFailed("uat", "pg_restore ended with exit code 1", ["in the table a"]),
        4,
        "Refreshing uat failed: pg_restore ended with exit code 1.\n    in the table a\n"
        "uat has the data that it had. Mend it, then: fairlead refresh uat",
    ),
    (
        errors.RefreshNotPutBack(
            "uat", "old", errors.FairleadError("it is sick"), errors.FairleadError("it is away")
        ),
        5,
        "uat has the new data, and is NOT well with it.\nRefreshing it failed: it is sick\n"
        "Giving it the old data again failed: it is away\nThe old data is in old. "
        "Mend the second error, then: fairlead refresh undo uat",
    ),
    (
        errors.NotReadOnly("prod", "db:5432/app"),
        3,
        "The database of prod at db:5432/app gives us a session that could write.\n"
        "Nothing was read. Have the way to it keep default_transaction_read_only, or connect to "
        "the server itself: environments.prod.database.direct_url",
    ),
    (
        errors.CannotMark("uat (db:5432/app, server 7)", "it is that of prod too", "Correct it."),
        3,
        "uat (db:5432/app, server 7) was not marked: it is that of prod too.\nCorrect it.",
    ),
    (
        errors.WrongDatabase("prod", "uat", "both are the same", "Correct it."),
        3,
        "uat is not refreshed from prod: both are the same. Nothing was touched.\nCorrect it.",
    ),
    (
        errors.SelectionUnfit("prod", ["a"] * 11),
        3,
        "What is to be taken of prod does not fit together:\n" + "  a\n" * 10 + "  and 1 more\n"
        "Nothing was touched. Change leave_out, tenants or carry_tenants of the environment's "
        "refresh.",
    ),
    (
        errors.CarryUnfit("uat", ['there is no table "a"']),
        3,
        'What uat is to keep of its own is not there:\n  there is no table "a"\n'
        "Nothing was touched. Change carry or carry_tenants of environments.uat.refresh.",
    ),
    (
        errors.CarryFailed("uat", "public.a", "a_key says no", "Carry fewer rows."),
        4,
        "What uat has of its own in public.a cannot be carried over: a_key says no.\n"
        "Carry fewer rows.",
    ),
    (
        errors.MaskingIncomplete("app", ['"a.b" = "keep"  # a key'], ["a.gone"]),
        3,
        'app has 1 column without a rule: nothing of it leaves.\n[masking.rules]\n"a.b" = "keep"  '
        "# a key\nThere is no column for the rule a.gone.\n"
        "Look at each proposal, and put them into fairlead.toml.",
    ),
    (
        errors.MaskingUnfit("app", ['a.b = "null": it is NOT NULL']),
        3,
        'Rules do not fit app:\n  a.b = "null": it is NOT NULL\n'
        "Nothing was touched. Change them in [masking.rules] of fairlead.toml.",
    ),
    (
        errors.MaskingFailed("public.a", "UniqueViolation (23505), a_b_key"),
        4,
        "Masking public.a failed: UniqueViolation (23505), a_b_key.\n"
        "The copy is of no use. Mend the rule in [masking.rules], and begin again.",
    ),
    (
        errors.MaskingNotProven("app", ["public.a.b: 3 values are as in production"]),
        4,
        "app is not masked as its rules say:\n  public.a.b: 3 values are as in production\n"
        "Nobody may have it. Mend the rules in [masking.rules], and begin again.",
    ),
    (
        errors.CannotSave("dev", "there is no pg_dump", "Install it."),
        3,
        "The database of dev cannot be saved: there is no pg_dump.\nInstall it.",
    ),
    (
        errors.MigrationsUnsafe("prod", [("shop.0002: public.a.b is dropped", "ALTER TABLE a")]),
        3,
        "The migrations are not safe for prod, which refuses that:\n"
        "    shop.0002: public.a.b is dropped\n        ALTER TABLE a\n"
        "Split them (expand, release, contract), or have somebody look at it: "
        'environments.prod.migrations.unsafe = "approve"',
    ),
    (
        errors.CannotPreview("prod", "there is no pg_dump", "Install it."),
        3,
        "The migrations of prod cannot be tried: there is no pg_dump.\nInstall it.",
    ),
    (
        errors.LinterMissing("/opt/bin/squawk"),
        3,
        "squawk, which reads the SQL of migrations, cannot be run: /opt/bin/squawk.\n"
        "Install Fairlead again, or: pip install squawk-cli",
    ),
    (
        errors.RestoreRefused("dev", 7, "it is of another database", "Or: --force"),
        3,
        "Backup 7 is not restored to dev: it is of another database.\nOr: --force",
    ),
    (
        errors.BackupFailed("dev", "pg_dump ended with exit code 1", ["no"]),
        4,
        "Saving the database of dev failed: pg_dump ended with exit code 1. Its last lines:\n"
        "    no\nNothing was changed. Mend it, then try: fairlead backup dev",
    ),
    (
        errors.DataCheckFailed("dev", ["a is b"] * 21, "Then: x"),
        4,
        "The data of dev does not pass once it is migrated:\n"
        + "  a is b\n" * 20
        + "  and 1 more\n"
        "No container was changed: what ran before serves. Mend the data or the migration, and "
        "release again. Then: x",
    ),
    (
        errors.BackupBroken("/b/1", "1.dat.gz is missing"),
        4,
        "The backup at /b/1 is no good: 1.dat.gz is missing.\n"
        "It counts for nothing, and nothing was changed.",
    ),
    (
        errors.RestoreFailed("dev", 7, "pg_restore ended with exit code 1", ["no"]),
        4,
        "Restoring backup 7 to dev failed: pg_restore ended with exit code 1. Its last lines:\n"
        "    no\ndev has the database that it had; mend it and try again.",
    ),
    (
        errors.ConfigError("f.toml", ["a: is b"]),
        2,
        "f.toml: 1 error\n  a: is b\nMend the file and try: fairlead check",
    ),
    (
        errors.ConfigError("f.toml", ["a: is b", "c: is d"]),
        2,
        "f.toml: 2 errors\n  a: is b\n  c: is d\nMend the file and try: fairlead check",
    ),
    (
        errors.ConfigMissing("f.toml"),
        2,
        "There is no config at f.toml.\n"
        "Name yours (--config FILE, or FAIRLEAD_CONFIG), or write one: fairlead init",
    ),
    (
        errors.ServedAlready(7, "succeeded"),
        3,
        "This request was served by release 7: succeeded.\nLook: fairlead show 7",
    ),
    (
        errors.WaitsForApproval("prod", 7),
        6,
        "Release 7 to prod waits for somebody to approve it.\n"
        "fairlead approve 7 --reason WHY, or: fairlead refuse 7",
    ),
    (
        errors.NotApproved("prod", 7, "alice refused it: not now"),
        3,
        "Release 7 to prod was not approved: alice refused it: not now.\n"
        "Nothing was touched. Ask for it again when it may go on.",
    ),
    (
        errors.ApprovalVoid("prod", "its images are other ones"),
        3,
        "What was approved is not what would be done to prod now: its images are other ones.\n"
        "Nothing was touched. Release again, and have that approved.",
    ),
    (
        errors.CannotDecide(7, "it did not wait for that"),
        3,
        "Release 7 cannot be approved or refused: it did not wait for that.\nLook: fairlead show 7",
    ),
    (
        errors.SecretMissing("env:KEY", "the environment variable is not set"),
        2,
        "The secret env:KEY is not there: the environment variable is not set.\n"
        f"Set it where Fairlead runs, {CHECK}",
    ),
    (
        errors.DispatchNotConfigured("the config has no [dispatch]", "Add it."),
        2,
        "GitHub can start nothing here: the config has no [dispatch].\nAdd it.",
    ),
    (
        errors.RunRefused("release/dev", "no such parameter"),
        3,
        "Prefect does not take a run of release/dev: no such parameter.\n"
        "Deploy the flows of this version: prefect deploy --all",
    ),
    (
        errors.PortTaken("127.0.0.1", 8099, "Address already in use"),
        3,
        "Nothing can listen at 127.0.0.1:8099: Address already in use.\n"
        "Stop what listens there, or choose another: --port",
    ),
    (
        errors.LeaseHeld("dev", "process 7 on one", SINCE, 41),
        3,
        "dev is being changed by release 41: process 7 on one, since 2026-01-02 03:04:05 UTC.\n"
        "Wait for it (--wait), or look: fairlead history dev",
    ),
    (
        errors.LeaseHeld("dev", "process 7 on one", SINCE, None),
        3,
        "dev is being changed by another run: process 7 on one, "
        "since 2026-01-02 03:04:05 UTC.\n"
        "Wait for it (--wait), or look: fairlead history dev",
    ),
    (
        errors.LeaseLost("dev", 3),
        4,
        "The lease of dev (number 3) was lost: its heartbeat came too late, "
        "or somebody unlocked it.\n"
        "See who holds it now: fairlead status, then: fairlead settle dev",
    ),
    (
        errors.GitHubError("GitHub is away.", next_step="Wait."),
        3,
        "GitHub is away.\nWait.",
    ),
    (
        errors.ChecksNotPassed("prod", SHA, "o/shop", ["a is red: https://x", "b"], failing=True),
        3,
        f"prod takes {SHA[:7]} of o/shop only once its checks have passed "
        "(environments.prod.require_checks):\n  a is red: https://x\n  b\n"
        "Mend it and release the new commit, or run the check again at GitHub.",
    ),
    (
        errors.ChecksNotPassed("prod", SHA, "o/shop", ["a is still running"], failing=False),
        3,
        f"prod takes {SHA[:7]} of o/shop only once its checks have passed "
        "(environments.prod.require_checks):\n  a is still running\n"
        "Wait for it, then release again.",
    ),
    (
        errors.TagMissing("r/shop", "dev-1"),
        3,
        "r/shop has no tag dev-1.\nDid the build push it? See what there is: fairlead tags SERVICE",
    ),
    (
        errors.TagMoved("r/shop", "dev-1", "sha256:a", "sha256:b"),
        3,
        "tag moved: r/shop:dev-1 is sha256:b, but it was sha256:a when first released.\n"
        "A release tag never moves: build a new commit, or push the old digest.",
    ),
    (
        errors.RevisionMismatch("r/shop:dev-1", OTHER, SHA),
        3,
        f"r/shop:dev-1 was built from {OTHER}, not from {SHA} "
        "(its label org.opencontainers.image.revision says so).\n"
        "Build the image of this commit, or release the commit it was built from.",
    ),
    (errors.RegistryError("No.", next_step="Wait."), 3, "No.\nWait."),
    (
        errors.HostUnreachable("ssh://a@b", "Connection refused"),
        3,
        "The Docker engine of ssh://a@b does not answer: Connection refused.\n"
        f"Start it, or mend the way to it, {CHECK}",
    ),
    (
        errors.DatabaseUnreachable("dev", "h:5432/d", "no such database"),
        3,
        "The database of dev at h:5432/d does not let us in: no such database.\n"
        f"Mend the way to it or its password, {CHECK} dev",
    ),
    (
        errors.StoreBehind("h:1/d", "it is older, and flow may not change it"),
        3,
        "The schema of the store at h:1/d is not that of this Fairlead: it is older, and flow may "
        "not change it.\n"
        "Run this version once as the database's owner: FAIRLEAD_STORE_URL=… fairlead status; "
        "and then deployments/postgres/roles.sql again.",
    ),
    (
        errors.StoreEncoded("db:5432/fairlead", "SQL_ASCII"),
        3,
        "The store at db:5432/fairlead is encoded as SQL_ASCII, and has to be UTF8.\n"
        "Make a new database: createdb --encoding UTF8 --template template0 NAME",
    ),
    (
        errors.StoreUnreachable("h:5432/d", "refused"),
        3,
        "The store at h:5432/d does not answer: refused.\n"
        "Start it, or set FAIRLEAD_STORE_URL. Without it nothing is released.",
    ),
    (
        errors.PrefectUnreachable("http://h:4200/api", "refused"),
        3,
        "The Prefect API at http://h:4200/api does not answer as it should: refused.\n"
        "Start it, or run the release in this process: fairlead release --in-process",
    ),
    (
        errors.NothingToGoBackTo("dev", "nothing was ever released there"),
        3,
        "dev cannot go back: nothing was ever released there.\n"
        "See what ran there: fairlead history dev",
    ),
    (
        errors.PromotionRefused("dev", "prod", "nothing was ever released to dev"),
        3,
        "dev is not promoted to prod: nothing was ever released to dev.\n"
        "See what runs where: fairlead status",
    ),
    (
        errors.Frozen("prod", SINCE),
        3,
        "prod is frozen until Fri 2026-01-02 03:04 UTC (environments.prod.freeze).\n"
        "Wait, or release it anyway, which is recorded: --override",
    ),
    (
        errors.NotSettled("dev", 7, "one does not answer"),
        3,
        "Release 7 of dev was left unfinished and could not be settled: one does not answer\n"
        "Mend that, then: fairlead settle dev",
    ),
    (
        errors.PresetUnfit("django", "the image has no manage.py"),
        4,
        "The preset django cannot migrate: the image has no manage.py.\n"
        'Name the right image ([migrations] service, manage), or preset = "auto".',
    ),
    (
        errors.PartEnded("prefect", 3, ["no disk"]),
        4,
        "prefect ended by itself with exit code 3: the others are stopped. Its last lines:\n"
        "    no disk\nMend what its last lines say, then again: fairlead up",
    ),
    (
        errors.JobFailed(["manage.py", "migrate"], "ended with exit code 1", ["a", "b"]),
        4,
        "`manage.py migrate` ended with exit code 1. Its last lines:\n    a\n    b\n"
        "No container was changed. If this command should not run, name those that should: "
        '[migrations] preset = "command", commands = [[…]]',
    ),
    (
        errors.TenantsFailed({"acme": "DataError: too long"}, 2, "the canary acme failed"),
        4,
        "1 tenant could not be migrated. 2 were not begun: the canary acme failed.\n"
        "    acme: DataError: too long\n"
        "Each of them is as it was, and no container was changed. Mend what is said of it and "
        "release again: only what is left will be done.",
    ),
    (
        errors.CannotReverse("dev", ["shop.0006: Raw SQL operation"]),
        4,
        "The database of dev cannot be brought back by its migrations:\n"
        "  shop.0006: Raw SQL operation\n"
        "It keeps what was migrated, and nothing was touched.",
    ),
    (
        errors.ReverseFailed("dev", "acme: DataError: too long", ["a"]),
        4,
        "Bringing the database of dev back to its migrations failed: acme: DataError: too long. "
        "Its last lines:\n    a\n"
        "Every schema is whole, at the migration that it has come to.",
    ),
    (
        errors.ContainerFailed("web", "local", "exited with 3", []),
        4,
        "web on local exited with 3. Its last lines:\n    (it printed nothing)",
    ),
    (
        errors.ImageNotPulled("r/shop@sha256:a", "one", "manifest unknown"),
        4,
        "one could not pull r/shop@sha256:a: manifest unknown.\n"
        "Is the registry reachable from that host, and logged in?",
    ),
    (
        errors.ImageNotPulled("r/shop@sha256:a", "one", "write /x: no space left on device"),
        4,
        "one could not pull r/shop@sha256:a: write /x: no space left on device.\n"
        "Free some disk there (docker system df), then release again.",
    ),
    (
        errors.EngineError("one", "start web-1", "port is already allocated"),
        4,
        "one could not start web-1: port is already allocated.",
    ),
    (
        errors.ProxyError("router", "one", "take the new routes", "no"),
        4,
        "The router on one could not take the new routes: no.",
    ),
    (
        errors.HealthCheckFailed("https://dev.example/", "answered 500, not 200"),
        4,
        "https://dev.example/ answered 500, not 200.",
    ),
    (
        errors.RunsLeft(["flow run 1", "flow run 2"]),
        5,
        "The worker has ended before flow run 1, flow run 2.\n"
        "What they left is settled by the next release, or by: fairlead settle ENV",
    ),
    (
        errors.RollbackFailed("dev", RuntimeError("first"), RuntimeError("second")),
        5,
        "dev was NOT put back.\nThe release failed: first\nPutting it back failed: second\n"
        "Mend the second error, then: fairlead settle dev",
    ),
]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    MESSAGES,
    ids=[f"{type(error).__name__}-{at}" for at, (error, *_) in enumerate(MESSAGES)],
)
def test_an_error_says_what_happened_to_what_and_what_to_do(
    error: FairleadError, code: int, message: str
) -> None:
    assert str(error) == message
    assert exit_code_of(error) == code
    assert message == "\n".join(part for part in (error.message, error.next_step) if part)


def test_every_error_is_asserted_here() -> None:
    families = {
        FairleadError,
        errors.InputError,
        errors.Refused,
        errors.StepFailed,
        errors.FailedWithLog,
    }
    defined = {
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, FairleadError)
    }
    assert {type(error) for error, *_ in MESSAGES} == defined - families


def test_summary_of_what_was_not_put_back_has_both_errors_and_no_log() -> None:
    exited = errors.ContainerFailed("web", "local", "exited with 3", ["a", "b"])
    gone = errors.ImageNotPulled("web@sha256:1", "local", "manifest unknown")
    error = errors.RollbackFailed("dev", exited, gone)
    assert error.summary.splitlines() == [
        "dev was NOT put back.",
        "The release failed: web on local exited with 3.",
        "Putting it back failed: local could not pull web@sha256:1: manifest unknown.",
    ]
    assert "Its last lines:\n    a\n    b\n" in error.message


def test_an_error_nobody_thought_of_counts_as_a_failure() -> None:
    assert exit_code_of(ValueError("x")) == 4


def test_every_final_state_has_an_exit_code() -> None:
    goes_on, undone_later = ReleaseState.RUNNING, RefreshState.UNDONE
    assert set(EXIT_CODES) == {*ReleaseState, *RefreshState} - {goes_on, undone_later}
    assert {str(state): code for state, code in EXIT_CODES.items()} == {
        "succeeded": 0,
        "unchanged": 0,
        "refused": 3,
        "failed": 4,
        "rolled_back": 4,
        "rollback_failed": 5,
        "waiting": 6,
        "refreshed": 0,
        "not_put_back": 5,
    }


def test_a_commit_is_forty_lower_case_hex_digits() -> None:
    assert parse_sha(SHA) == SHA


@pytest.mark.parametrize(
    "text",
    [
        "",
        SHA[:7],
        SHA[:39],
        f"{SHA}0",
        SHA.upper(),
        f"g{SHA[1:]}",
        f" {SHA}",
        f"{SHA}\n",
        "٣" * 40,
        "HEAD",
    ],
)
def test_what_is_no_commit_is_refused(text: str) -> None:
    with pytest.raises(errors.BadSha):
        parse_sha(text)
