"""What was cleared up; pure."""

from fairlead.pruning import Pruned
from fairlead.report.markdown import text


def prune_report(project: str, pruned: Pruned, *, dry_run: bool) -> str:
    """Markdown: how much, then what, and where nothing was touched and why."""
    lines = [f"# {text(project)}: {pruned.words(dry_run=dry_run)}", ""]
    lines += [f"- {text(line)}" for line in (*pruned.problems, *pruned.left)]
    lines += [f"- {text(f'{one.host}: {one.what} {one.name}')}" for one in pruned.removed]
    return "\n".join(lines).strip()
