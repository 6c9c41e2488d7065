"""The queue of offline events against a plain model, and in the large."""

import time
from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bxpull_nb.sandbox.offline.queue import OfflineQueue, OfflineRecord
from tests.support.rest_answers import bind, result
from tests.support.visitor import visiting

NUMBERS = st.integers(1, 4)
CONNECTORS = st.sampled_from(["", "mine"])
NAMES = st.sampled_from(["ONCRMDEALUPDATE", "ONCRMDEALDELETE"])


class OneReader(RuleBasedStateMachine):
    """Programs that take, clear, crash and take again, while objects change.

    The model is the newest change of each object, event and connector, and the newest one that
    was deleted by a program which had it: the first must never be later than what is left.
    """

    @initialize()
    def start(self) -> None:
        """Begin with an empty queue."""
        self.queue = OfflineQueue()
        self.clock = 0
        self.changed: dict[tuple[str, str, int], int] = {}
        self.read: dict[tuple[str, str, int], int] = {}
        self.taken: dict[tuple[str, str], list[OfflineRecord]] = {}
        self.ids: set[int] = set()

    @rule(number=NUMBERS, connector=CONNECTORS, name=NAMES)
    def change(self, number: int, connector: str, name: str) -> None:
        """Change an object."""
        self.clock += 1
        self.queue.add(name, {"FIELDS": {"ID": str(number)}}, 1, connector, self.clock)
        self.changed[connector, name, number] = self.clock

    @rule(connector=CONNECTORS, limit=st.integers(1, 3))
    def take(self, connector: str, limit: int) -> None:
        """Take records and mark them; each record is given to one process only."""
        process_id, records = self.queue.take(connector, lambda one: one[:limit], clear=False)
        known = {one.id for held in self.taken.values() for one in held}
        assert not known & {one.id for one in records}
        self.taken[connector, process_id] = records

    @rule(connector=CONNECTORS)
    def take_and_delete(self, connector: str) -> None:
        """Take records that are deleted at once."""
        _, records = self.queue.take(connector, lambda one: one[:2])
        self.note(records)

    @rule(data=st.data())
    def take_again(self, data: st.DataObject) -> None:
        """Ask for the records of a process after a crash: they are the same."""
        if self.taken:
            connector, process_id = data.draw(st.sampled_from(sorted(self.taken)))
            again = self.queue.take(connector, list, process_id=process_id, clear=False)
            assert again == (process_id, self.taken[connector, process_id])

    @rule(data=st.data())
    def clear(self, data: st.DataObject) -> None:
        """Delete the records of a process, all or the first one."""
        if not self.taken:
            return
        connector, process_id = data.draw(st.sampled_from(sorted(self.taken)))
        held = self.taken[connector, process_id]
        first = data.draw(st.booleans())
        done = held[:1] if first else held
        ids = {one.id for one in done}
        self.queue.clear(connector, process_id, lambda one: one.id in ids)
        self.note(done)
        self.taken[connector, process_id] = held[1:] if first else []

    @invariant()
    def no_change_is_lost(self) -> None:
        """The newest change of each object was read, or is left in the queue."""
        left = Counter(map(_key, self.queue.records()))
        for key, moment in self.changed.items():
            newest = [one.moment for one in self.queue.records() if _key(one) == key]
            assert max([*newest, self.read.get(key, 0)]) == moment
        assert set(left) <= set(self.changed)

    @invariant()
    def free_records_are_single_and_ids_rise(self) -> None:
        """There is one free record of an object and event; no id comes a second time."""
        records = self.queue.records()
        free = Counter(_key(one) for one in records if not one.process_id)
        assert not free or max(free.values()) == 1
        assert [one.id for one in records] == sorted({one.id for one in records})

    def note(self, records: list[OfflineRecord]) -> None:
        """Note what was read, and that no record is read to its end twice."""
        for one in records:
            assert one.id not in self.ids
            self.ids.add(one.id)
            self.read[_key(one)] = max(self.read.get(_key(one), 0), one.moment)


def _key(record: OfflineRecord) -> tuple[str, str, int]:
    return record.connector, record.event, int(record.data["FIELDS"]["ID"])


TestOneReader = OneReader.TestCase
TestOneReader.settings = settings(deadline=None)


def test_ten_thousand_changes_are_read_by_fifties() -> None:
    """Twice as many changes as objects: every object once, with the time of its last change."""
    with visiting(rest_limit=None, doorbell="missing") as visitor:
        bind(visitor)
        deals = visitor.sandbox.deals
        for number in range(1235, 5001):
            assert deals.add(TITLE=f"Deal {number}") == number
        start = time.monotonic()
        for step in range(2):
            for number in range(1, 5001):
                deals.change(number, OPPORTUNITY=step)
        assert time.monotonic() - start < 10
        read: list[dict[str, Any]] = []
        while True:
            got = result(visitor, "event.offline.get", {"clear": 0})
            if not got["events"]:
                break
            read += got["events"]
            result(visitor, "event.offline.clear", {"process_id": got["process_id"]})
        updates = [one for one in read if one["EVENT_NAME"] == "ONCRMDEALUPDATE"]
        assert len(read) == 3766 + 5000
        assert sorted(int(one["EVENT_DATA"]["FIELDS"]["ID"]) for one in updates) == [
            *range(1, 5001)
        ]
        for one in updates:
            number = int(one["EVENT_DATA"]["FIELDS"]["ID"])
            assert one["TIMESTAMP_X"] == deals[number]["DATE_MODIFY"]
        assert visitor.sandbox.offline_queue() == []
        assert {deals[number]["OPPORTUNITY"] for number in deals} == {"1.00"}
