"""The outbox: what is told goes in order, once, and is not lost by a death in between."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from fairlead.model import Message, MessageKind, MessageOutcome, Outgoing
from fairlead.store import Store, open_store

PLACES = ["slack:#a", "slack:#b"]


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with open_store({"FAIRLEAD_STORE_URL": store_url}) as opened:
        yield opened


def state(subject: str, text: str, place: str = "slack:#a") -> Message:
    return Message(place, subject, MessageKind.STATE, {"text": text})


def detail(subject: str, text: str, place: str = "slack:#a") -> Message:
    return Message(place, subject, MessageKind.DETAIL, {"text": text})


def put(store: Store, *messages: Message) -> None:
    store.outbox.put("shop", messages)


def claim(store: Store, *places: str) -> Outgoing | None:
    return store.outbox.claim("shop", places or PLACES)


def texts(store: Store, subject: str) -> list[tuple[str, MessageOutcome | None]]:
    return [(one.message.body["text"], one.outcome) for one in store.outbox.of("shop", subject)]


def claimed(store: Store) -> Outgoing:
    found = claim(store)
    assert found is not None
    return found


def test_messages_of_a_destination_go_in_order_and_wait_for_the_one_before(store: Store) -> None:
    put(store, state("r1", "one"), state("r2", "two"), state("r2", "elsewhere", "slack:#b"))
    first = claimed(store)
    assert first.message.body == {"text": "one"}
    other = claimed(store)
    assert other.message.destination == "slack:#b"
    assert claim(store) is None  # the second waits for the first
    store.outbox.put_off(first, "away", seconds=3600, uncertain=False)
    assert claim(store) is None  # and while that is put off
    store.outbox.hurry("shop", "r1")
    store.outbox.sent("shop", claimed(store), "C1/1")
    assert claimed(store).message.body == {"text": "two"}


def test_newer_state_takes_the_place_of_one_that_was_not_sent(store: Store) -> None:
    put(store, state("r1", "begun"), state("r1", "at it"), detail("r1", "why"), state("r1", "over"))
    assert texts(store, "r1") == [
        ("begun", MessageOutcome.SUPERSEDED),
        ("at it", MessageOutcome.SUPERSEDED),
        ("why", None),
        ("over", None),
    ]


def test_newer_state_waits_for_one_that_is_being_sent_and_knows_what_it_is_called(
    store: Store,
) -> None:
    put(store, state("r1", "begun"))
    sending = claimed(store)
    put(store, state("r1", "over"))
    assert claim(store) is None
    store.outbox.sent("shop", sending, "C1/1")
    over = claimed(store)
    assert (over.message.body, over.reference, over.uncertain) == ({"text": "over"}, "C1/1", False)


def test_newer_state_is_tried_when_the_older_would_have_been(store: Store) -> None:
    put(store, state("r1", "begun"))
    store.outbox.put_off(claimed(store), "timeout", seconds=3600, uncertain=True)
    put(store, state("r1", "over"))
    assert claim(store) is None
    store.outbox.hurry("shop", "r1")
    over = claimed(store)
    assert (over.uncertain, over.attempts) == (True, 1)


def test_what_somebody_died_sending_is_uncertain(store: Store, store_url: str) -> None:
    put(store, state("r1", "begun"))
    assert not claimed(store).uncertain
    assert claim(store) is None
    with psycopg.connect(store_url) as connection:
        connection.execute("update fairlead.outbox set claimed_until = now() - interval '1 s'")
    again = claimed(store)
    assert (again.uncertain, again.attempts) == (True, 2)


def test_of_many_who_send_one_gets_a_message(store: Store) -> None:
    put(store, *(state(f"r{number}", str(number)) for number in range(8)))
    sent = []
    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            got = [one for one in pool.map(lambda _: claim(store), range(8)) if one]
            assert len(got) == 1
            store.outbox.sent("shop", got[0], None)
            sent.append(got[0].message.body["text"])
    assert sent == [str(number) for number in range(8)]


def test_only_those_are_claimed_whom_somebody_can_tell(store: Store) -> None:
    put(store, state("r1", "one"))
    assert claim(store, "slack:#b") is None
    assert store.outbox.claim("other project", PLACES) is None
    assert claim(store, "slack:#a") is not None


def test_what_nobody_could_be_told_for_a_day_is_given_up(store: Store, store_url: str) -> None:
    put(store, state("r1", "one"), state("r2", "two"))
    with psycopg.connect(store_url) as connection:
        connection.execute(
            "update fairlead.outbox set written_at = now() - interval '25 h' where subject = 'r1'"
        )
    store.outbox.give_up_old("shop", 24 * 3600)
    (old,), (young,) = store.outbox.of("shop", "r1"), store.outbox.of("shop", "r2")
    assert (old.outcome, old.problem) == (
        MessageOutcome.GIVEN_UP,
        "nobody sent it: fairlead.toml has no such place",
    )
    assert young.outcome is None


def test_what_was_told_long_ago_is_forgotten_and_what_waits_never(
    store: Store, store_url: str
) -> None:
    put(store, state("old", "one"), state("new", "two"), state("waits", "three"))
    for reference in ("C1/1", "C1/2"):
        store.outbox.sent("shop", claimed(store), reference)
    with psycopg.connect(store_url) as connection:
        connection.execute(
            "update fairlead.outbox set written_at = written_at - interval '91 days', "
            "ended_at = ended_at - interval '91 days' where subject <> 'new'"
        )
    store.outbox.forget("shop", days=90)
    assert texts(store, "old") == []
    assert texts(store, "new") == [("two", MessageOutcome.SENT)]
    assert texts(store, "waits") == [("three", None)]
    put(store, state("old", "again"), state("new", "again"))
    again = {one.message.subject: one.reference for one in store.outbox.unsent("shop")}
    assert again == {"waits": None, "old": None, "new": "C1/2"}
