"""Links have a title."""

import sqlalchemy as sa
from alembic import op

revision = "0002_title"
down_revision = "0001_link"


def upgrade() -> None:
    op.add_column("link", sa.Column("title", sa.String, nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("link", "title")
