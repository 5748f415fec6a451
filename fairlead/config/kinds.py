"""What values may be, and what the tables of fairlead.toml have in common."""

import re
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from fairlead.policy import parse_window


def _secret_reference(value: Any) -> Any:
    kinds = ("env:", "file:", "prefect:")
    if not isinstance(value, str) or not value.startswith(kinds) or value in kinds:
        # The value itself may be the secret: the message must not repeat it.
        raise ValueError(
            "should be env:NAME, file:path or prefect:block-name, not the secret itself"
        )
    return value


def _engine_address(value: Any) -> Any:
    if not isinstance(value, str) or not (value.startswith("unix:///") or _is_ssh(value)):
        raise ValueError("should be unix://… or ssh://user@host")
    return value


def _ssh_address(value: Any) -> Any:
    if not isinstance(value, str) or not _is_ssh(value):
        raise ValueError("should be ssh://user@host")
    return value


def _is_ssh(address: str) -> bool:
    return _names_host(address, "ssh") and bool(urlsplit(address).username)


def _names_host(address: str, *schemes: str) -> bool:
    try:
        parts = urlsplit(address)
        named = parts.hostname and parts.port != 0
    except ValueError:  # brackets that are no IPv6 address, or a port that is no number
        return False
    return parts.scheme in schemes and bool(named)


def _http_address(value: Any) -> Any:
    if not isinstance(value, str) or not _names_host(value, "http", "https"):
        raise ValueError("should be https://… with the name of a host")
    return value


def _freeze_window(value: Any) -> Any:
    parse_window(str(value))
    return value


def _time_zone(value: Any) -> Any:
    try:
        ZoneInfo(value)
    except (OSError, TypeError, ValueError, ZoneInfoNotFoundError):
        raise ValueError("should be a time zone like Europe/Berlin or UTC") from None
    return value


def _cron(value: Any) -> Any:
    fields = str(value).split()
    if len(fields) != len(CRON) or not all(map(_of_cron, fields, CRON)):
        raise ValueError('should be five fields of cron, like "30 0 * * 1-5"')
    return value


def _of_cron(field: str, between: tuple[int, int]) -> bool:
    """Numbers, ranges of them, steps, lists of all that."""
    for part in field.split(","):
        found = re.fullmatch(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/[1-9]\d?)?", part)
        numbers = [int(number) for number in found.groups() if number] if found else [-1]
        if numbers != sorted(numbers) or not all(
            between[0] <= number <= between[1] for number in numbers
        ):
            return False
    return True


CRON = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def _place(value: Any) -> Any:
    text = str(value)
    bucket = text.removeprefix("s3://") if text.startswith("s3://") else None
    named = bool(bucket and bucket.partition("/")[0])
    if not isinstance(value, str) or not (text.startswith("/") or named):
        raise ValueError("should be a folder (/var/backups) or s3://bucket/prefix")
    return value


SecretReference = Annotated[str, BeforeValidator(_secret_reference)]
EngineAddress = Annotated[str, BeforeValidator(_engine_address)]
SshAddress = Annotated[str, BeforeValidator(_ssh_address)]
HttpAddress = Annotated[str, BeforeValidator(_http_address)]
FreezeWindow = Annotated[str, BeforeValidator(_freeze_window)]
BackupPlace = Annotated[str, BeforeValidator(_place)]
TimeZone = Annotated[str, BeforeValidator(_time_zone)]
Cron = Annotated[str, BeforeValidator(_cron)]
# A name becomes part of container names, host names and tags.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
# These two go into requests as they are: nothing in them may end a line.
UrlPath = Annotated[str, StringConstraints(pattern=r"^/[^\s\x00-\x1f\x7f]*$", max_length=2000)]
HostName = Annotated[str, StringConstraints(pattern=r"^[!-.0-~]+$", max_length=255)]
FilePath = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$")]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
# As GitHub has them, in both kinds of letters: owner/name, and a login, that of an app among them.
Repository = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}$")
]
Login = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,90}(\[bot\])?$")]
CheckName = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Port = Annotated[int, Field(ge=1, le=65_535)]


class Model(BaseModel):
    """The text under a key is what docs/reference/config.md says of it: make reference."""

    model_config = ConfigDict(frozen=True, extra="forbid")
