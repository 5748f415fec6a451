"""Links have a URL."""

import sqlalchemy as sa
from alembic import op

revision = "0001_link"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "link",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("url", sa.String, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("link")
