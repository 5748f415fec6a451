from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Link(Base):
    __tablename__ = "link"

    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str]
    # The default is the database's: v1, which serves meanwhile, writes links without a title.
    title: Mapped[str] = mapped_column(server_default="")
