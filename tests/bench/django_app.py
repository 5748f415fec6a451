"""A Django project in a real image, to be released with the migrations that a test chooses."""

import io
import tarfile
from typing import Any

import docker
import psycopg
from psycopg import sql

from examples.stand.postgres import Postgres, attach_postgres, container_of, create_database
from tests.bench.bench import Bench, merged, sha_of
from tests.bench.images import APP, push
from tests.bench.many import project

PASSWORD = "planted-database"


class DjangoApp(Bench):
    """The project of tests/bench/ahead.py without tenants; one service that serves nothing of it.
    `django` is an image with Django, `host` where this process finds PostgreSQL."""

    django: str
    direct: str

    def usual(self) -> dict[str, Any]:
        return merged(
            super().usual(),
            {
                "migrations": {"preset": "auto", "commands": None, "timeout": 60},
                "services": {
                    "web": {
                        "command": ["python", "/app.py"],
                        "secrets": ["PGPASSWORD"],
                        "env": {
                            "PGHOST": "postgres",
                            "PGUSER": self.project,
                            "PGDATABASE": self.project,
                            "DJANGO_SETTINGS_MODULE": "project.plain",
                            "EXTRA_APPS": "ahead",
                        },
                    }
                },
                "environments": {
                    "dev": {
                        "networks": [self.data_network],
                        "secrets": {"PGPASSWORD": "env:DB_PASSWORD"},
                        "database": {"url": "env:DB_URL", "direct_url": "env:DB_DIRECT"},
                    }
                },
            },
        )

    @property
    def data_network(self) -> str:
        """After `bridge` in the order of names, so that PostgreSQL stays published where it is."""
        return f"data-{self.project}"

    def push_migrations(self, version: str, *upto: str) -> str:
        """An image with those migrations of `ahead` that begin with one of `upto`; its SHA."""
        commit = sha_of(f"{self.project} {version}")
        name = f"{self.registry}/{self.project}/web:dev-{commit}"
        folder = project(self.folder / version, {"ahead": upto})
        settings = f"ENV VERSION={version}\nLABEL org.opencontainers.image.revision={commit}\n"
        dockerfile = f"FROM {self.django}\nCOPY app.py /app.py\nCOPY project /app\n{settings}"
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as tar:
            tar.add(APP, "app.py")
            tar.add(folder, "project")
            written = dockerfile.encode()
            entry = tarfile.TarInfo("Dockerfile")
            entry.size = len(written)
            tar.addfile(entry, io.BytesIO(written))
        context.seek(0)
        for event in self.engine.api.build(
            fileobj=context, custom_context=True, tag=name, rm=True, decode=True
        ):
            assert "error" not in event, event
        push(self.engine, name, name)
        return commit

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.direct, autocommit=True) as connection:
            connection.execute(statement.encode())


def open_app(
    engine: docker.DockerClient, postgres: Postgres, django: str, **given: Any
) -> DjangoApp:
    """With an empty database of its own. `given` is what every Bench needs."""
    name = str(given["project"])
    direct = create_database(postgres, name, role=name, password=PASSWORD)
    inside = direct.replace(f"@{postgres.host}:{postgres.port}/", "@postgres:5432/")
    secrets = {"DB_URL": inside, "DB_DIRECT": direct, "DB_PASSWORD": PASSWORD}
    DjangoApp.django, DjangoApp.direct = django, direct
    app = DjangoApp(engine=engine, environ={**given.pop("environ"), **secrets}, **given)
    engine.networks.create(app.data_network, labels={"fairlead.project": name})
    attach_postgres(engine, postgres, network=app.data_network)
    return app


def close_app(engine: docker.DockerClient, postgres: Postgres, app: DjangoApp) -> None:
    network = engine.networks.get(app.data_network)
    network.disconnect(container_of(engine, postgres), force=True)
    app.clean()
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        name = sql.Identifier(app.project)
        connection.execute(sql.SQL("drop database {} with (force)").format(name))
