"""What a shell completes: commands, options, and names out of fairlead.toml."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(sys.executable).parent
CONFIG = """
[services.web]
[environments.dev]
[environments.prod]
nonsense = true
"""


def answer(shell: str, folder: Path, *words: str, config: str = CONFIG) -> str:
    """What the shell is told after these words, of which the last is not complete."""
    (folder / "fairlead.toml").write_text(config)
    line = " ".join(["fairlead", *words])
    given = words[-1] if shell == "fish" else str(len(words))  # fish gives the word itself
    return run(
        [str(FOLDER / "fairlead")],
        folder,
        _FAIRLEAD_COMPLETE=f"{shell}_complete",
        COMP_WORDS=line,
        COMP_CWORD=given,
    )


def run(command: list[str], folder: Path, **environ: str) -> str:
    path = f"{FOLDER}{os.pathsep}{os.environ['PATH']}"
    whole = {**os.environ, "PATH": path, **environ}
    whole.pop("FAIRLEAD_CONFIG", None)
    done = subprocess.run(
        command, cwd=folder, env=whole, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    ("shell", "told"),
    [
        ("bash", "plain,status\n"),
        ("zsh", "plain\nstatus\nWhat runs where, since when, by whom.\n"),
        ("fish", "plain,status\tWhat runs where, since when, by whom.\n"),
    ],
)
def test_each_shell_completes_commands(shell: str, told: str, tmp_path: Path) -> None:
    assert answer(shell, tmp_path, "stat").split() == told.split()


@pytest.mark.parametrize("command", ["release", "rollback", "metrics", "settle", "backup"])
def test_environments_come_out_of_a_config_that_need_not_be_valid(
    command: str, tmp_path: Path
) -> None:
    assert answer("bash", tmp_path, command, "''") == "plain,dev\nplain,prod\n"
    assert answer("bash", tmp_path, command, "p") == "plain,prod\n"


def test_both_ends_of_a_promotion_and_services_are_completed(tmp_path: Path) -> None:
    assert answer("bash", tmp_path, "promote", "dev", "''") == "plain,dev\nplain,prod\n"
    assert answer("bash", tmp_path, "tags", "''") == "plain,web\n"
    assert "--dry-run" in answer("bash", tmp_path, "prune", "--")


@pytest.mark.parametrize("config", ["", "no TOML", "environments = ['dev']"])
def test_without_names_nothing_is_completed(config: str, tmp_path: Path) -> None:
    assert answer("bash", tmp_path, "release", "''", config=config).strip() == ""


def test_bash_completes_with_the_documented_line(tmp_path: Path) -> None:
    (tmp_path / "fairlead.toml").write_text(CONFIG)
    script = (
        'eval "$(_FAIRLEAD_COMPLETE=bash_source fairlead)"\n'
        "COMP_WORDS=(fairlead release p) COMP_CWORD=2\n"
        "_fairlead_completion fairlead\n"
        'echo "${COMPREPLY[@]}"\n'
    )
    assert run(["bash", "-c", script], tmp_path) == "prod\n"
