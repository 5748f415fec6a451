"""An S3-compatible bucket over real HTTP: moto's server, which can be made to behave badly."""

import io
import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

BUCKET = "backups"
CHECKSUM = "HTTP_X_AMZ_CHECKSUM_SHA256"
KEYS = {"S3_KEY": "planted-s3-key-51", "S3_SECRET": "planted-s3-secret-92"}


@dataclass
class Bucket:
    """`damage` cuts the last byte of each object that comes and whose name has this in it; the
    requests that came are `seen`, and `parts` the objects of which parts came. With `tells` it
    gives the checksum of an object that came with one back, as Amazon's does and moto does not."""

    endpoint: str
    seen: list[str]
    damage: str = ""
    tells: bool = False
    parts: list[str] = field(default_factory=list)

    @property
    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
        )

    def names(self) -> list[str]:
        found = self.client.list_objects_v2(Bucket=BUCKET)
        return [one["Key"] for one in found.get("Contents", ())]

    def refuse(self, *actions: str) -> None:
        whole = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": list(actions),
                    "Resource": f"arn:aws:s3:::{BUCKET}/*",
                }
            ],
        }
        self.client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(whole))


def _with_checksum(
    start: Callable[..., Any],
    checksum: str,
    status: str,
    headers: list[tuple[str, str]],
    *more: Any,
) -> Any:
    return start(status, [*headers, ("x-amz-checksum-sha256", checksum)], *more)


@contextmanager
def bucket() -> Iterator[Bucket]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    made, checksums = Bucket("", []), dict[str, str]()
    parts = made.parts
    whole = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = str(environ["REQUEST_METHOD"]), str(environ["PATH_INFO"])
        made.seen.append(f"{method} {path}")
        if "partNumber" in str(environ["QUERY_STRING"]):
            parts.append(path)
        if method == "PUT" and CHECKSUM in environ:
            checksums[path] = str(environ[CHECKSUM])
        if made.tells and method == "HEAD" and path in checksums:
            start = partial(_with_checksum, start, checksums[path])
        if made.damage and method == "PUT" and made.damage in made.seen[-1]:
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))[:-1]
            environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        answer: Iterable[bytes] = whole(environ, start)
        return answer

    server = make_server("127.0.0.1", 0, application, threaded=True)
    made.endpoint = f"http://127.0.0.1:{server.port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.client.create_bucket(Bucket=BUCKET)
    try:
        yield made
    finally:
        for key in made.names():
            made.client.delete_object(Bucket=BUCKET, Key=key)
        made.client.delete_bucket_policy(Bucket=BUCKET)
        made.client.delete_bucket(Bucket=BUCKET)
        server.shutdown()
        thread.join()
