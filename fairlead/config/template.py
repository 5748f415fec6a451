"""The fairlead.toml that `fairlead init` writes: every key that most projects touch, explained."""

import re

TEXT = """\
# What this project is and where it runs. Secrets are references (env:NAME, file:path,
# prefect:block-name), never values. Try it at any time: fairlead check
project = "{project}"

# keep_releases = 5                    # of each environment: prune leaves their images on its hosts

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
# tenants = "stock"                    # django-tenants' own command, not the fast way
# canary_tenants = ["demo"]            # these first; if one fails nobody else is touched
# max_failures = 10                    # tenants that may fail before no other one is begun
# may_shrink = {{ "orders" = 0.0 }}      # the share of its rows that a migration may take from it

# [[checks]]                           # asked of the data once it is migrated
# sql = "select id from orders where total < 0"   # no row, or the one value: expect = 0
# each_tenant = true                   # in the schema of each tenant

[[smoke]]                              # asked through the proxy, from outside, after the switch
path = "/"

# [github]                             # links in reports, how far environments are apart; and with
# repository = "owner/{project}"         # a token it is told of releases, and can require checks
# token = "env:GITHUB_TOKEN"           # or "prefect:NAME", of a GitHubCredentials block
# tell = false                         # only ask

# [dispatch]                           # what GitHub may start: fairlead dispatch serve
# secrets = ["env:GITHUB_WEBHOOK_SECRET"]    # two of them while it is changed
# repositories = ["owner/{project}"]
# environments = ["dev"]
# workflows = ["build"]                # those whose success on the branch starts a release
# actors = ["octocat"]                 # nobody else may; left out: whom GitHub lets

# [masking]                            # what becomes of each column when data leaves production
# key = "env:MASKING_KEY"              # the rules: fairlead refresh rules dev --from prod

# [environments.dev.refresh]           # prod's data each night, masked: fairlead refresh dev
# from = "prod"
# at = "0 0 * * *"                     # cron; time_zone, at the top, says whose
# leave_out = ["django_session"]       # tables whose rows do not come
# carry = [{{ table = "auth_user", where = "is_staff" }}]   # dev's own rows that stay
# keep_days = 7                        # what it had before: fairlead refresh undo dev

[environments.dev]
hosts = ["ssh://deploy@dev.example.com"]   # or unix:///var/run/docker.sock
domain = "dev.example.com"
tls = "auto"                           # auto, internal, off
branch = "develop"
soak = 10                              # seconds to watch it before it counts as good
database = {{ url = "env:DEV_DATABASE_URL" }}  # the containers get it as DATABASE_URL
secrets = {{ SECRET_KEY = "env:DEV_SECRET_KEY" }}

# [[environments.dev.notify.slack]]      # by its id, so that a lost answer can be looked up
# channel = "C024BE91L"                # the bot needs chat:write, and channels:history to look
# token = "env:SLACK_TOKEN"
# at_least = "info"                    # or warning: refused and settled; or error: failed

[environments.prod]
hosts = ["ssh://deploy@prod.example.com"]
domain = "www.example.com"
production = true                      # no data of another environment ever comes here
promotes_from = "dev"                  # fairlead promote dev prod: the same digests
# promote_after = 1800                 # seconds well in dev, then by itself
branch = "main"
soak = 60
# standby = true                       # what ran before goes on running: going back is a switch
# require_checks = ["test-backend"]    # have to have passed at GitHub for this very commit
# on_failure = "reverse"               # migrations too, or "restore"; without it the code alone
# approval = true                      # somebody approves each release; or "other": not who asked
# freeze = ["fri 16:00 - mon 08:00"]   # nothing is released then; time_zone, at the top, says whose
secrets = {{ SECRET_KEY = "env:PROD_SECRET_KEY" }}

[environments.prod.database]
url = "env:PROD_DATABASE_URL"
# via = "ssh://deploy@prod.example.com"    # where it is reachable from that host only

[environments.prod.backup]             # before each migration; without it, to a folder of ours
place = "/var/backups/{project}"         # or s3://bucket/prefix (endpoint, access_key, secret_key)
# kind = "dump"                        # or template (nobody may be connected), command, none
# drill = true                         # restore each one beside, and compare
# keep = 5                             # how many stay; keep_days = 30: and all that are younger
# timeout = 3600                       # seconds

[environments.prod.migrations]         # those that the running code cannot live with, or that keep
unsafe = "warn"                        # others out of a large table; or "approve", or "refuse"
# large_mb = 100                       # a table of more megabytes is large
"""


def written(name: str) -> str:
    """The text for a project of that name, made fit for containers and host names."""
    fit = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:31]
    return TEXT.format(project=fit if re.match(r"[a-z]", fit) else f"p-{fit}"[:31].rstrip("-"))
