"""What is kept in Prefect's blocks. Prefect is imported when one is asked for."""

from fairlead.errors import SecretMissing


def prefect_secret(name: str) -> str:
    """The value of the Secret block `name`, for references like `prefect:name`.

    Raises SecretMissing.
    """
    from prefect.blocks.system import Secret  # noqa: PLC0415

    try:
        block = Secret.load(name)
    except ValueError as error:  # what Prefect raises where there is none of that name
        raise SecretMissing(
            f"prefect:{name}", "Prefect has no Secret block of that name"
        ) from error
    assert isinstance(block, Secret)  # a coroutine only where an event loop runs, which is not here
    return str(block.get())
