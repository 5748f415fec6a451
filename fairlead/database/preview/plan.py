"""What a release would do to the database, asked once and kept with it."""

from dataclasses import dataclass

from fairlead.database.pending import Pending
from fairlead.database.preview.model import Preview


@dataclass(frozen=True, slots=True)
class Plan:
    """`anything` says whether a migration is pending; None where nobody knows, because the commands
    are the project's own. `preview` is there where something is, and `digest` names its work."""

    anything: bool | None
    pending: Pending | None = None
    preview: Preview | None = None
    digest: str = ""
