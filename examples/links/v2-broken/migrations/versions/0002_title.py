"""Links have a title."""

import sqlalchemy as sa
from alembic import op

revision = "0002_title"
down_revision = "0001_link"


def upgrade() -> None:
    op.add_column("link", sa.Column("title", sa.String, nullable=False, server_default=""))
    # Holds in an empty database, and not in one where something was kept twice.
    op.create_unique_constraint("link_once", "link", ["url"])


def downgrade() -> None:
    op.drop_constraint("link_once", "link")
    op.drop_column("link", "title")
