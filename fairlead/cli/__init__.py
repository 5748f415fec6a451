"""The `fairlead` command. Each command's module is imported when it is used, so that `--help`
comes at once."""

import importlib
import sys
from typing import Any

import click
from click.shell_completion import CompletionItem

from fairlead.cli.failing import echo, exit_code_of, print_failure

COMMANDS = {
    "release": ("fairlead.cli.releasing", "Bring a commit to an environment."),
    "promote": ("fairlead.cli.releasing", "Bring what runs in one environment to the next."),
    "rollback": ("fairlead.cli.releasing", "Go back to what an environment ran before."),
    "approve": ("fairlead.cli.approving", "Let a release go on that waits for that."),
    "refuse": ("fairlead.cli.approving", "Have a release end that waits to be approved."),
    "preview": ("fairlead.cli.previewing", "What the migrations of a commit would do."),
    "status": ("fairlead.cli.looking", "What runs where, since when, by whom."),
    "history": ("fairlead.cli.looking", "The releases, the newest first."),
    "show": ("fairlead.cli.looking", "One release, step by step."),
    "metrics": ("fairlead.cli.measuring", "How often, how fast and how well changes come."),
    "tags": ("fairlead.cli.looking", "The tags of a service in the registry."),
    "backup": ("fairlead.cli.saving", "Save the database of an environment now."),
    "backups": ("fairlead.cli.saving", "What was saved of an environment."),
    "restore": ("fairlead.cli.saving", "Put a backup in the place of a database."),
    "refresh": ("fairlead.cli.refreshing", "Production's data for another environment, masked."),
    "drift": ("fairlead.cli.watching", "What runs otherwise than it was released."),
    "init": ("fairlead.cli.preparing", "Write a commented fairlead.toml."),
    "check": ("fairlead.cli.preparing", "Validate the config and try every connection."),
    "dispatch": ("fairlead.cli.dispatching", "What GitHub may start: the receiver."),
    "notify": ("fairlead.cli.notifying", "Tell people what releases could not tell at once."),
    "up": ("fairlead.cli.running", "Start all that releases need, on this machine."),
    "worker": ("fairlead.cli.working", "Make the runs of a Prefect work pool, on this machine."),
    "settle": ("fairlead.cli.repairing", "Finish or put back what a dead run left."),
    "unlock": ("fairlead.cli.repairing", "Take the lease from a holder that hangs."),
    "prune": ("fairlead.cli.watching", "Remove what no rollback needs any more."),
}


def _verbose() -> click.Option:
    """`--verbose` may stand after a command too."""

    def note(ctx: click.Context, _: click.Parameter, given: bool) -> None:
        ctx.obj["verbose"] = ctx.obj["verbose"] or given

    words = "Every line a step says, and tracebacks."
    return click.Option(["--verbose"], is_flag=True, help=words, expose_value=False, callback=note)


class Commands(click.Group):
    """A group that knows the names and first lines of its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: Any = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        assert isinstance(command, click.Command)
        if all(option.name != "verbose" for option in command.params):
            command.params.append(_verbose())
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        found = [
            CompletionItem(name, help=line)
            for name, (_, line) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", metavar="FILE", help="Instead of FAIRLEAD_CONFIG or ./fairlead.toml.")
@click.option("--verbose", is_flag=True, help="Every line a step says, and tracebacks.")
@click.version_option(package_name="fairlead")
@click.pass_context
def fairlead(ctx: click.Context, config: str | None, verbose: bool) -> None:
    """Bring one commit SHA to one environment: proven, migrated, switched without a lost request,
    recorded, and put back when it fails.

    Exit codes: 0 done, 2 the input or the config is wrong, 3 refused and nothing touched,
    4 failed and put back, 5 failed and not put back, 6 waits for approval, 7 `drift` found a
    difference. `preview` has those that a release would have.
    """
    ctx.obj = {"config": config, "verbose": verbose}


def main() -> None:
    """The entry point: one place turns an error into words and an exit code."""
    try:
        sys.exit(fairlead(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        echo("Interrupted.", err=True)
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 the last place before the person
        print_failure(error, verbose="--verbose" in sys.argv)
        sys.exit(exit_code_of(error))
