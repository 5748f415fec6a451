"""The fairlead.toml that `fairlead init` writes: every key that most projects touch, explained."""

import re

TEXT = """\
# What this project is and where it runs. Secrets are references (env:NAME, file:path,
# prefect:block-name), never values. Try it at any time: fairlead check
project = "{project}"
# repository = "owner/name"            # at GitHub: reports link to what changed

[registry]
host = "registry.example.com"          # images are pulled from here by digest
# insecure = true                      # plain HTTP, for a registry on this machine
# username = "env:REGISTRY_USERNAME"
# password = "env:REGISTRY_PASSWORD"

[services.backend]
image = "{project}/backend"            # <registry>/{project}/backend:<environment>-<sha>
port = 8000
routes = [{{ path = "/api" }}, {{ path = "/admin" }}]
health = {{ path = "/healthz" }}         # has to answer 200 before the proxy switches
secrets = ["DATABASE_URL", "SECRET_KEY"]
# replicas = 2
# command = ["celery", "-A", "app", "worker"]   # a service without a port is a worker
# volumes = ["media:/srv/media"]
# stop_grace = 30                      # seconds between SIGTERM and SIGKILL
# drain = 30                           # seconds for open requests to end before SIGTERM

[services.frontend]
image = "{project}/frontend"
port = 8080
routes = [{{ path = "/" }}]
depends_on = ["backend"]
# files = [{{ path = "/srv/env.json", content = '{{"name": "${{FAIRLEAD_ENVIRONMENT}}"}}' }}]

[migrations]
service = "backend"
preset = "auto"                        # asks the image: django-tenants, django or none
# preset = "command"
# commands = [["alembic", "upgrade", "head"]]
timeout = 900                          # seconds for all commands together
lock_timeout = 5                       # seconds to wait for a lock in PostgreSQL

[[smoke]]                              # asked through the proxy, from outside, after the switch
path = "/"

# [dispatch]                           # what GitHub may start: fairlead dispatch serve
# secrets = ["env:GITHUB_WEBHOOK_SECRET"]    # two of them while it is changed
# repositories = ["owner/{project}"]
# environments = ["dev"]
# workflows = ["build"]                # those whose success on the branch starts a release
# actors = ["octocat"]                 # nobody else may; left out: whom GitHub lets

[environments.dev]
hosts = ["ssh://deploy@dev.example.com"]   # or unix:///var/run/docker.sock
domain = "dev.example.com"
tls = "auto"                           # auto, internal, off
branch = "develop"
soak = 10                              # seconds to watch it before it counts as good
database = {{ url = "env:DEV_DATABASE_URL" }}  # the containers get it as DATABASE_URL
secrets = {{ SECRET_KEY = "env:DEV_SECRET_KEY" }}
# notify = {{ slack = {{ channel = "#releases", token = "env:SLACK_TOKEN" }} }}

[environments.prod]
hosts = ["ssh://deploy@prod.example.com"]
domain = "www.example.com"
promotes_from = "dev"                  # fairlead promote dev prod: the same digests
branch = "main"
soak = 60
# freeze = ["fri 16:00 - mon 08:00"]   # nothing is released then; time_zone, at the top, says whose
secrets = {{ SECRET_KEY = "env:PROD_SECRET_KEY" }}

[environments.prod.database]
url = "env:PROD_DATABASE_URL"
# via = "ssh://deploy@prod.example.com"    # where it is reachable from that host only
"""


def written(name: str) -> str:
    """The text for a project of that name, made fit for containers and host names."""
    fit = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:31]
    return TEXT.format(project=fit if re.match(r"[a-z]", fit) else f"p-{fit}"[:31].rstrip("-"))
