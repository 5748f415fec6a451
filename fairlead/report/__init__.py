"""What was done and found, as people read it: Markdown from the rows of the store."""

from fairlead.report.drift import drift_report, drift_summary
from fairlead.report.environments import environment_rows
from fairlead.report.markdown import moment
from fairlead.report.migrations import migration_report, migration_summary
from fairlead.report.pruning import prune_report
from fairlead.report.refresh import refresh_report, refresh_summary
from fairlead.report.release import release_report, summary
from fairlead.report.story import Story, story_of

__all__ = [
    "Story",
    "drift_report",
    "drift_summary",
    "environment_rows",
    "migration_report",
    "migration_summary",
    "moment",
    "prune_report",
    "refresh_report",
    "refresh_summary",
    "release_report",
    "story_of",
    "summary",
]
