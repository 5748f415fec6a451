"""The receiver under load: ten thousand deliveries that are none, and two hundred at once."""

import asyncio
import json
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx

from fairlead.model import DeliveryState
from tests.bench.bench import sha_of
from tests.bench.github import Running, deployment, headers, receiving, release, signature
from tests.bench.prefect import wait_for
from tests.contract.fake_prefect import running_prefect

LIMIT = 4096  # bytes
GROWTH = 8 * 1_048_576  # bytes that the receiver may have grown by: no more than noise
Asking = tuple[str, bytes]  # what it is, the whole request


def request(body: bytes, sent: dict[str, str], *, chunked: bool = False) -> bytes:
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    lines = [f"{name}: {value}" for name, value in sent.items()]
    head = "\r\n".join(["POST /github HTTP/1.1", "Host: here", length, *lines, "", ""]).encode()
    return head + (b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body)


async def answers(url: str, askings: Iterable[Asking], at_once: int) -> list[tuple[str, int, Any]]:
    """What each was answered, over so many connections that are kept."""
    place, left, given = httpx.URL(url), iter(askings), list[tuple[str, int, Any]]()

    async def client() -> None:
        reader, writer = await asyncio.open_connection(place.host, place.port)
        for what, asking in left:
            writer.write(asking)
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            body = json.loads(await reader.readexactly(length))
            given.append((what, int(head.split()[1]), body))
        writer.close()

    async with asyncio.timeout(60), asyncio.TaskGroup() as clients:
        for _ in range(at_once):
            clients.create_task(client())
    return given


# -- what is none ------------------------------------------------------------------------------

KINDS = {
    "unsigned": 401,
    "signed by another": 401,
    "signed for another body": 401,
    "a form": 415,
    "no JSON": 422,
    "odd": 422,
    "for prod": 403,
    "of another repository": 403,
    "without a GUID": 422,
    "replayed": 200,
    "replayed under another GUID": 200,
    "oversized": 413,
    "oversized, of unknown length": 413,
}


def bad_deliveries(count: int, once: bytes, guid: str) -> Iterator[Asking]:
    """Of each kind the same number. `once` was delivered before, as `guid`."""
    for number in range(count):
        kind = list(KINDS)[number % len(KINDS)]
        body = bad_body(kind, number, once)
        sent = bad_headers(kind, body, once, guid)
        yield kind, request(body, sent, chunked=kind.endswith("unknown length"))


def bad_body(kind: str, number: int, once: bytes) -> bytes:
    told: dict[str, Any] = release(client_payload={"reason": f"{number}"})
    match kind:
        case "odd":
            told["sender"] = None
        case "for prod":
            told["client_payload"]["environment"] = "prod"
        case "of another repository":
            told["repository"]["full_name"] = "mallory/shop"
        case "no JSON":
            return json.dumps(told).encode()[:-1]
        case "oversized" | "oversized, of unknown length":
            return b"x" * (LIMIT + 1 + number)
        case "replayed" | "replayed under another GUID":
            return once
    return json.dumps(told).encode()


def bad_headers(kind: str, body: bytes, once: bytes, guid: str) -> dict[str, str]:
    sent = headers(body)
    match kind:
        case "unsigned":
            del sent["X-Hub-Signature-256"]
        case "signed by another":
            return headers(body, secret="guessed")
        case "signed for another body":
            sent["X-Hub-Signature-256"] = signature(once)
        case "a form":
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        case "without a GUID":
            del sent["X-GitHub-Delivery"]
        case "replayed":
            sent["X-GitHub-Delivery"] = guid
    return sent


def test_none_of_ten_thousand_bad_deliveries_is_taken_and_the_memory_stays(
    tmp_path: Path, store_url: str
) -> None:
    rules = {"body_limit": LIMIT, "rate": 1_000_000}
    with (
        running_prefect() as (fake, api),
        receiving(tmp_path, store_url, api, dispatch=rules) as receiver,
    ):
        once, guid = json.dumps(release()).encode(), str(uuid.uuid4())
        first = receiver.deliver(release(), guid=guid).json()
        warm = bad_deliveries(1_000, once, guid)
        asyncio.run(answers(receiver.url, warm, 20))
        before, began = receiver.memory(), time.monotonic()
        given = asyncio.run(answers(receiver.url, bad_deliveries(10_000, once, guid), 20))
        took, grown = time.monotonic() - began, receiver.memory() - before
        print(f"10,000 in {took:.1f} s, {before / 2**20:.1f} MiB, grown {grown / 2**10:.0f} KiB")
        assert len(given) == 10_000
        assert {(kind, status) for kind, status, _ in given} == set(KINDS.items())
        assert {body["run"] for kind, _, body in given if "replayed" in kind} == {first["run"]}
        assert grown < GROWTH
        assert len(fake.runs) == 1
        with receiver.store() as store:
            assert [one.guid for one in store.deliveries.recent("shop", 10)] == [guid]
        assert "Traceback" not in receiver.log.read_text()
        assert receiver.deliver(release(client_payload={"reason": "new"})).status_code == 202


def test_a_flood_of_unsigned_deliveries_holds_up_no_signed_one_and_fills_no_log(
    tmp_path: Path, store_url: str
) -> None:
    with (
        running_prefect() as (_, api),
        receiving(tmp_path, store_url, api, dispatch={"rate": 60}) as receiver,
    ):
        body = json.dumps(release()).encode()
        flood = [("unsigned", request(body, {"Content-Type": "application/json"}))] * 1000
        given = Counter(status for _, status, _ in asyncio.run(answers(receiver.url, flood, 20)))
        assert set(given) == {401, 429}
        assert receiver.deliver(release()).status_code == 202
        told = receiver.log.read_text().splitlines()
        assert len([line for line in told if " WARNING 401 " in line]) == given[401] < 100


def test_slow_bodies_that_fill_the_room_hold_up_no_signed_one(
    tmp_path: Path, store_url: str
) -> None:
    slow = b"x" * (1_048_576 - 1)
    asking = request(slow + b"x", headers(slow, secret="guessed"))[:-1]
    with running_prefect() as (_, api), receiving(tmp_path, store_url, api) as receiver:
        place = httpx.URL(receiver.url)

        async def status() -> int:
            reader, writer = await asyncio.open_connection(place.host, place.port)
            writer.write(asking)
            given = int((await reader.readline()).split()[1])
            writer.close()
            return given

        async def crowd() -> tuple[int, list[int]]:
            slow_ones = [asyncio.create_task(status()) for _ in range(70)]
            while sum(one.done() for one in slow_ones) < 6:
                await asyncio.wait([one for one in slow_ones if not one.done()], timeout=0.1)
            answer = await asyncio.to_thread(receiver.deliver, release())
            return answer.status_code, list(await asyncio.gather(*slow_ones))

        signed, given = asyncio.run(crowd())
        assert signed == 202
        assert set(given) <= {503, 408}
        assert given.count(503) <= 7, "more than there is no room for"
        assert "Traceback" not in receiver.log.read_text()


# -- many at once ------------------------------------------------------------------------------


def good_deliveries(count: int) -> list[Asking]:
    made = []
    for number in range(count):
        payload = {"sha": sha_of(f"v{number}"), "reason": f"{number}"}
        body = json.dumps(release(client_payload=payload)).encode()
        made.append((sha_of(f"v{number}"), request(body, headers(body))))
    return made


def nothing_waits(receiver: Running) -> bool:
    with receiver.store() as store:
        return all(
            one.state is not DeliveryState.WAITING for one in store.deliveries.recent("shop", 1000)
        )


def test_two_hundred_at_once_for_one_environment_are_each_started_in_order(
    tmp_path: Path, store_url: str
) -> None:
    with running_prefect() as (fake, api), receiving(tmp_path, store_url, api) as receiver:
        began = time.monotonic()
        given = asyncio.run(answers(receiver.url, good_deliveries(200), 200))
        assert time.monotonic() - began < 10
        assert Counter(status for _, status, _ in given) == {202: 200}
        assert {body["state"] for _, _, body in given} <= {"started", "waiting"}
        assert {(sha, body["sha"]) for sha, _, body in given} == {
            (sha_of(f"v{number}"), sha_of(f"v{number}")) for number in range(200)
        }
        wait_for(lambda: nothing_waits(receiver), "all to be started", 60)
        with receiver.store() as store:
            kept = store.deliveries.recent("shop", 1000)[::-1]
        assert [(one.request, one.flow_run) for one in kept] == list(fake.ids.items())
        assert {one.state for one in kept} == {DeliveryState.STARTED}
        assert len(kept) == 200


def test_two_receivers_start_each_delivery_once_and_in_order(
    tmp_path: Path, store_url: str
) -> None:
    with (
        running_prefect() as (fake, api),
        receiving(tmp_path, store_url, api) as one,
        receiving(tmp_path, store_url, api) as other,
    ):
        fake.away = True
        for number in range(20):
            told = deployment(deployment={"id": number, "sha": sha_of(f"v{number}")})
            receiver = (one, other)[number % 2]
            assert receiver.client.post(receiver.url, **posted(told)).status_code == 202
            if number == 2:
                fake.away = False
        wait_for(lambda: nothing_waits(one), "all to be started", 60)
        assert [run["parameters"]["sha"] for run in fake.runs.values()] == [
            sha_of(f"v{number}") for number in range(20)
        ]
        asked = [ask for ask in fake.asked if ask.method == "POST"]
        assert len(asked) == 20, "no delivery was tried by both"


def posted(told: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps(told).encode()
    return {"content": body, "headers": headers(body, "deployment")}
