"""An error as a person reads it: what happened, why, what to do; a traceback only on request."""

import sys
import traceback

import click

from fairlead.errors import FairleadError
from fairlead.plain import plain


def exit_code_of(error: BaseException) -> int:
    return error.exit_code if isinstance(error, FairleadError) else 4


def print_failure(error: BaseException, *, verbose: bool) -> None:
    """The message and the chain of its causes, to standard error."""
    if verbose:
        echo("".join(traceback.format_exception(error)), err=True, nl=False)
    complain(_words(error))
    seen = str(error)
    cause = error.__cause__
    while cause is not None:
        if _reason(cause) not in seen:
            echo(f"  because: {_words(cause)}", err=True)
            seen += _words(cause)
        cause = cause.__cause__
    if not isinstance(error, FairleadError) and not verbose:
        echo("  This is not an error Fairlead knows. See all of it: --verbose", err=True)
    sys.stderr.flush()


def _words(error: BaseException) -> str:
    if isinstance(error, FairleadError):
        return str(error)
    return "".join(traceback.format_exception_only(error)).strip()


def _reason(error: BaseException) -> str:
    """The first line of what it says, or its name: where a message has it, nothing is to add."""
    said = error.strerror if isinstance(error, OSError) else str(error)
    return (said or "").strip().partition("\n")[0] or type(error).__name__


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """The only way in which a command prints a line, beside its tables: nothing in it is obeyed."""
    click.echo(plain(text), err=err, nl=nl)


def complain(text: str) -> None:
    """An error, to standard error."""
    click.echo(click.style("error: ", fg="red", bold=True) + plain(text), err=True)
