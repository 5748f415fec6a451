"""Where the project's code is, and what may be started from there."""

from pydantic import Field

from fairlead.config.kinds import HttpAddress, Login, Model, Name, Repository, SecretReference


class GitHub(Model):
    """Where the project's code is."""

    repository: Repository
    """owner/name."""
    token: SecretReference | None = None
    """What its API is asked with; `prefect:name` may be a GitHubCredentials block too."""
    tell: bool = True
    """With a token, whether GitHub is told of each release."""
    api: HttpAddress = "https://api.github.com"
    """Where its API is, for GitHub Enterprise and tests."""

    @property
    def destination(self) -> str | None:
        """Where releases are told of, if they are."""
        return f"github:{self.repository}" if self.token and self.tell else None


class Dispatch(Model):
    """What GitHub may start through `fairlead dispatch serve`."""

    secrets: tuple[SecretReference, ...] = Field(min_length=1, max_length=2)
    """Those of the webhook: two while it is changed from one to the other."""
    repositories: tuple[Repository, ...] = Field(min_length=1)
    """Whose deliveries count."""
    environments: tuple[Name, ...] = ()
    """What may be started."""
    actors: tuple[Login, ...] = ()
    """Who may start something; empty, whom GitHub lets."""
    workflows: tuple[str, ...] = ()
    """Names of those whose success on an environment's branch starts a release; empty, all."""
    body_limit: int = Field(default=1_048_576, ge=1024, le=26_214_400)
    """The largest delivery that is read, in bytes; GitHub's own limit is 25 MiB."""
    rate: int = Field(default=600, ge=1, le=1_000_000)
    """How many deliveries are taken in a minute, at once or one after the other."""
