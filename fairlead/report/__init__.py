"""What a release did, as people read it: Markdown from the rows of the store."""

from fairlead.report.environments import environment_rows
from fairlead.report.markdown import moment
from fairlead.report.migrations import migration_report, migration_summary
from fairlead.report.release import release_report, summary
from fairlead.report.story import Story, story_of

__all__ = [
    "Story",
    "environment_rows",
    "migration_report",
    "migration_summary",
    "moment",
    "release_report",
    "story_of",
    "summary",
]
