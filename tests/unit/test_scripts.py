"""What `make check` runs beside the linters: it finds what it is there for, and says when not."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


def run(script: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / script), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environ}
    )


# -- secrets ---------------------------------------------------------------------------------

# In two parts, so that they are none in this file.
PLANTED = {
    "AWS Access Key": "key = AKIA" + "IOSFODNN7EXAMPLF",
    "GitHub Token": "ghp_" + "a1B2c3" * 6,
    "Private Key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "Slack Token": "xoxb-" + "263594206564-2343594206574-FGqddMF8t08v8N7Oq4i57vs1",
    "Secret Keyword": "password" + ' = "of-somebody-real"',
    "Basic Auth Credentials": "https://somebody:" + "of-somebody-real@db.example.com/",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / "clean.py").write_text("url = 'https://example.com'\n")
    return tmp_path


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_secret_is_found_and_not_repeated(kind: str, folder: Path) -> None:
    (folder / "settings.py").write_text(f"# a line before\n{PLANTED[kind]}\n")
    done = run("find-secrets", str(folder))
    assert done.returncode == 1, done.stderr
    assert f"settings.py:2: {kind}\n" in done.stdout
    assert PLANTED[kind][-12:] not in done.stdout


def test_what_is_known_to_be_none_and_what_git_ignores_is_left(folder: Path) -> None:
    (folder / ".gitignore").write_text("ignored.py\n")
    (folder / "ignored.py").write_text(f"{PLANTED['GitHub Token']}\n")
    known = ('"planted-7f3a91"', '"env:DATABASE_PASSWORD"')
    (folder / "known.py").write_text("".join(f"password = {value}\n" for value in known))
    done = run("find-secrets", str(folder))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# -- vulnerabilities -------------------------------------------------------------------------

VULNERABLE = {
    "name": "b",
    "version": "2",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3"], "description": ""}],
}
CLEAN = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "a", "skip_reason": "Dependency not found on PyPI"}
FAKE = """
import json, sys
asked = [line.partition("==")[0] for line in open(sys.argv[2]) if line.strip()]
answers = json.loads({answers!r})
if answers is None:
    sys.exit("ERROR:pip_audit: no connection")
print(json.dumps({{"dependencies": [one for one in answers if one["name"] in asked], "fixes": []}}))
"""


def audit(folder: Path, answers: Any, *arguments: str) -> tuple[int, str, str]:
    """With these answers of pip-audit's."""
    (folder / "pip_audit").mkdir()
    (folder / "pip_audit" / "__init__.py").touch()
    (folder / "pip_audit" / "__main__.py").write_text(FAKE.format(answers=json.dumps(answers)))
    (folder / "constraints.txt").write_text("# by somebody\na==1\nb==2\n")
    given = (*arguments, str(folder / "constraints.txt"))
    done = run("audit", *given, PYTHONPATH=str(folder))
    return done.returncode, done.stdout, done.stderr


def test_a_known_vulnerability_is_told(tmp_path: Path) -> None:
    assert audit(tmp_path, [CLEAN, VULNERABLE]) == (
        1,
        "b 2: PYSEC-1 CVE-1, fixed in 3\n2 packages audited, 1 vulnerabilities known.\n",
        "",
    )


def test_nothing_known_is_told_with_how_many_were_asked_about(tmp_path: Path) -> None:
    clean = [CLEAN, {**VULNERABLE, "vulns": []}]
    told = "2 packages audited, 0 vulnerabilities known.\n"
    assert audit(tmp_path, clean, "--required") == (0, told, "")


@pytest.mark.parametrize(
    ("answers", "why"),
    [(None, "ERROR:pip_audit: no connection"), ([SKIPPED], "Dependency not found on PyPI")],
)
@pytest.mark.parametrize("required", [False, True])
def test_what_was_not_audited_is_never_called_clean(
    answers: Any, why: str, required: bool, tmp_path: Path
) -> None:
    flags = ["--required"] if required else []
    told = f"NOT AUDITED: 2 packages of constraints.txt ({why})\n"
    assert audit(tmp_path, answers, *flags) == (int(required), "", told)


def test_one_package_without_a_record_is_told(tmp_path: Path) -> None:
    skipped = {**SKIPPED, "name": "b"}
    told = "NOT AUDITED: 1 packages of constraints.txt (PyPI has no record)\n"
    found = "1 packages audited, 0 vulnerabilities known.\n"
    assert audit(tmp_path, [CLEAN, skipped], "--required") == (1, found, told)
