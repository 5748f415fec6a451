"""What is kept in Prefect's blocks. Prefect is imported when one is asked for."""

from fairlead.errors import SecretMissing


def prefect_secret(name: str) -> str:
    """The value of the Secret block `name`, or the token of the GitHubCredentials block, for
    references like `prefect:name`.

    Raises SecretMissing.
    """
    from prefect.blocks.system import Secret  # noqa: PLC0415

    try:
        block = Secret.load(name)
    except ValueError:  # what Prefect raises where there is none of that name
        return _github_token(name)
    assert isinstance(block, Secret)  # a coroutine only where an event loop runs, which is not here
    return str(block.get())


def _github_token(name: str) -> str:
    from prefect_github import GitHubCredentials  # noqa: PLC0415

    try:
        block = GitHubCredentials.load(name)
    except ValueError as error:
        raise SecretMissing(
            f"prefect:{name}", "Prefect has no Secret or GitHubCredentials block of that name"
        ) from error
    assert isinstance(block, GitHubCredentials)
    return block.token.get_secret_value() if block.token else ""
