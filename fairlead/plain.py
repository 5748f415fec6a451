"""Text of others on a terminal; pure."""


def plain(text: str) -> str:
    """Without what a terminal would obey: a name or a log line may hold escape sequences."""
    return "".join(
        character for character in text if character in "\n\t" or character.isprintable()
    )
