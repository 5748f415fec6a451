"""Dumps in an S3-compatible bucket, through boto3: made on this machine, then sent and checked.

The manifest is sent last: what has none is not whole.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
"""

import base64
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr

from fairlead.config import BackupSettings
from fairlead.database.backup.folder import check_room, remove_folder
from fairlead.database.backup.manifest import NAME, sha256
from fairlead.errors import BackupBroken, BackupFailed, CannotSave, FairleadError

SCHEME = "s3://"
SENDING = 4  # files at once
AT_ONCE = 5 << 30  # bytes: what one PutObject takes; more is sent in parts
BEGUN = "begun"  # written first: a bucket that refuses does so before anything is dumped
Result = TypeVar("Result")


class BucketPlace:
    """`work` is the folder of this machine in which they are made."""

    def __init__(
        self,
        environment: str,
        settings: BackupSettings,
        keys: tuple[SecretStr, SecretStr] | None,
        work: Path,
    ) -> None:
        self._environment = environment
        self._root = str(settings.place).rstrip("/")
        self._work = work
        self._client = client(environment, settings, keys)

    def address(self, name: str) -> str:
        return f"{self._root}/{name}"

    def begin(self, place: str, room: int) -> Path:
        """An empty folder with `room` bytes free to write it to. Raises CannotSave."""
        bucket, prefix = parted(place)
        folder = self._made_in(place)
        folder.mkdir(parents=True, mode=0o700)
        check_room(self._environment, folder, room)
        try:
            self._ask(
                place,
                lambda: self._client.put_object(Bucket=bucket, Key=f"{prefix}/{BEGUN}", Body=b""),
                self._refused,
            )
        except BaseException:
            folder.rmdir()
            raise
        return folder

    def finish(self, folder: Path, place: str) -> None:
        """Raises BackupFailed where it is not taken, BackupBroken where something else is there."""
        bucket, prefix = parted(place)
        paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        last = folder / NAME
        with ThreadPoolExecutor(SENDING) as pool:
            send = [path for path in paths if path != last]
            list(pool.map(lambda path: self._send(folder, path, place), send))
        self._send(folder, last, place)
        self._ask(
            place,
            lambda: self._client.delete_object(Bucket=bucket, Key=f"{prefix}/{BEGUN}"),
            self._failed,
        )
        shutil.rmtree(folder)

    def _send(self, folder: Path, path: Path, place: str) -> None:
        """Sent with its checksum, which the other side compares, and looked at there."""
        bucket, prefix = parted(place)
        key, own = f"{prefix}/{path.relative_to(folder)}", sha256(path)
        checksum = base64.b64encode(bytes.fromhex(own)).decode()

        def put() -> None:
            if path.stat().st_size > AT_ONCE:
                self._client.upload_file(str(path), bucket, key)
                return
            with path.open("rb") as body:
                self._client.put_object(Bucket=bucket, Key=key, Body=body, ChecksumSHA256=checksum)

        self._ask(place, put, self._failed)
        if self._checksum(place, key) != own:
            raise BackupBroken(place, f"the file {path.relative_to(folder)} arrived changed")

    def _checksum(self, place: str, key: str) -> str:
        """As the bucket tells it; where it tells none, of what comes back."""
        bucket = parted(place)[0]
        head = self._ask(
            place,
            lambda: self._client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED"),
            self._failed,
        )
        told = head.get("ChecksumSHA256", "")
        if told and "-" not in told:  # that of an object in parts is one of their checksums
            return base64.b64decode(told).hex()
        return self._ask(place, lambda: self._hashed(bucket, key), self._failed)

    def _hashed(self, bucket: str, key: str) -> str:
        whole = hashlib.sha256()
        for chunk in self._client.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1 << 20):
            whole.update(chunk)
        return whole.hexdigest()

    @contextmanager
    def fetched(self, place: str) -> Iterator[Path]:
        """Raises BackupBroken."""
        prefix = parted(place)[1]
        self._work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._work) as made:
            folder = Path(made)
            keys = self._ask(place, lambda: list(self._keys(place)), self._broken)
            if f"{prefix}/{NAME}" not in keys:
                raise BackupBroken(place, "it is not there, or was never whole")
            for key in keys:
                self._fetch(place, key, folder / key.removeprefix(f"{prefix}/"))
            yield folder

    def _fetch(self, place: str, key: str, path: Path) -> None:
        bucket = parted(place)[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        self._ask(place, lambda: self._client.download_file(bucket, key, str(path)), self._broken)

    def remove(self, place: str) -> None:
        """Raises CannotSave."""
        remove_folder(self._environment, self._made_in(place))
        bucket = parted(place)[0]

        def remove() -> None:
            keys = sorted(self._keys(place), key=lambda key: not key.endswith(f"/{NAME}"))
            for key in keys:  # the manifest first: what is half removed is not taken for whole
                self._client.delete_object(Bucket=bucket, Key=key)

        self._ask(place, remove, self._refused)

    def _keys(self, place: str) -> Iterator[str]:
        bucket, prefix = parted(place)
        pages = self._client.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=f"{prefix}/"):
            yield from (str(one["Key"]) for one in page.get("Contents", ()))

    def _made_in(self, place: str) -> Path:
        return self._work / parted(place)[1].replace("/", "_")

    def _ask(
        self,
        place: str,
        request: Callable[[], Result],
        translated: Callable[[str, str], FairleadError],
    ) -> Result:
        from boto3.exceptions import Boto3Error  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 an extra

        try:
            return request()
        except ClientError as error:
            raise translated(place, _refusal(error.response)) from error
        except (BotoCoreError, Boto3Error) as error:
            raise translated(place, f"does not answer: {error}") from error

    def _refused(self, place: str, why: str) -> FairleadError:
        return CannotSave(
            self._environment,
            f"the bucket of {place} {why}",
            "Mend its policy or the keys, or the way to it "
            f"(environments.{self._environment}.backup).",
        )

    def _failed(self, place: str, why: str) -> FairleadError:
        return BackupFailed(self._environment, f"the bucket of {place} {why}", ())

    def _broken(self, place: str, why: str) -> FairleadError:
        return BackupBroken(place, f"the bucket {why}")


def _refusal(response: Any) -> str:
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    code = response.get("Error", {}).get("Code", "")
    return f"refuses: {code} (HTTP {status})" if code != str(status) else f"refuses: HTTP {status}"


def parted(place: str) -> tuple[str, str]:
    """The bucket and the prefix in it."""
    bucket, _, prefix = place.removeprefix(SCHEME).partition("/")
    return bucket, prefix.strip("/")


def client(
    environment: str, settings: BackupSettings, keys: tuple[SecretStr, SecretStr] | None
) -> Any:
    """Without `keys`, those of the machine: AWS's own variables, profile or role.

    Raises CannotSave where boto3 is not installed or finds no region."""
    try:
        import boto3  # noqa: PLC0415 an extra
        from botocore.config import Config  # noqa: PLC0415
    except ImportError as error:
        raise CannotSave(
            environment,
            "boto3, which speaks to buckets, is not installed",
            "Install it where Fairlead runs: pip install 'fairlead[s3]'",
        ) from error
    own = settings.endpoint is not None
    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint,
        region_name=settings.region or ("us-east-1" if own else None),
        aws_access_key_id=keys[0].get_secret_value() if keys else None,
        aws_secret_access_key=keys[1].get_secret_value() if keys else None,
        config=Config(
            connect_timeout=10,
            read_timeout=60,
            retries={"max_attempts": 3, "mode": "standard"},
            s3={"addressing_style": "path" if own else "auto"},
            # Checksums in trailers are unknown to many that are only compatible.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )
