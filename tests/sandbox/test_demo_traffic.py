"""Demo traffic: reproducible, varied and consistent."""

import asyncio
from collections import Counter
from itertools import chain, islice, repeat

import msgspec
import pytest

from bxpull_nb.sandbox.demo_event import DemoEvent
from bxpull_nb.sandbox.demo_pace import demo_gaps, play
from bxpull_nb.sandbox.demo_traffic import demo_events

STAGES = ["NEW", "PREPARATION", "PREPAYMENT_INVOICE", "EXECUTING", "WON"]


@pytest.fixture(scope="module")
def day() -> list[DemoEvent]:
    """Return five thousand events."""
    return list(islice(demo_events(0), 5000))


def test_the_same_seed_gives_the_same_events(day: list[DemoEvent]) -> None:
    """Another seed gives other events."""
    assert list(islice(demo_events(0), 5000)) == day
    assert list(islice(demo_events(1), 50)) != day[:50]


def test_events_do_not_change_after_they_were_yielded() -> None:
    """Their JSON is the same when they are yielded and at the end."""
    encoded = [(event, msgspec.json.encode(event)) for event in islice(demo_events(3), 2000)]
    assert all(msgspec.json.encode(event) == text for event, text in encoded)


def test_both_channels_have_events_of_several_modules(day: list[DemoEvent]) -> None:
    """Every module has a share that is neither tiny nor dominant."""
    modules = Counter(event.module_id for event in day)
    assert set(modules) == {
        "crm",
        "im",
        "tasks",
        "main",
        "bizproc",
        "calendar",
        "disk",
        "application",
    }
    assert min(modules.values()) > 100
    assert max(modules.values()) < 2000
    channels = Counter(event.channel for event in day)
    assert set(channels) == {"shared", "private"}
    assert channels["private"] > 500


def test_the_names_are_such_as_the_portal_takes(day: list[DemoEvent]) -> None:
    """pull.application.event.add would accept commands and modules."""
    assert all(event.command.replace("_", "").isalnum() for event in day)
    assert all(event.module_id.islower() for event in day)
    assert len({event.command for event in day}) > 12


def test_texts_are_not_only_latin(day: list[DemoEvent]) -> None:
    """There are Cyrillic texts and emoji."""
    texts = "".join(str(event.params.get("text", "")) for event in day)
    assert "Договор" in texts
    assert "👍" in texts


def test_a_deal_moves_from_stage_to_stage(day: list[DemoEvent]) -> None:
    """It is created first and skips no stage; after its end there are no events."""
    stages: dict[int, str] = {}
    for event in day:
        if event.module_id != "crm":
            continue
        deal = event.params
        if event.command == "dealAdd":
            assert deal["id"] not in stages
        elif event.command == "dealMove":
            assert deal["from"] == stages[deal["id"]]
            following = STAGES[STAGES.index(deal["from"]) + 1]
            assert deal["stage"] in (following, "LOSE")
        else:
            assert deal["stage"] == stages[deal["id"]] not in ("WON", "LOSE")
        stages[deal["id"]] = deal["stage"]
    outcomes = Counter(stages.values())
    assert outcomes["WON"] > outcomes["LOSE"] > 10


def test_chat_messages_are_numbered_and_found_again(day: list[DemoEvent]) -> None:
    """Edits and likes name earlier messages, on the same channel."""
    seen: dict[int, str] = {}
    for event in day:
        if event.command == "message":
            assert event.params["id"] == 50_001 + len(seen)
            seen[event.params["id"]] = event.channel
        elif event.command in ("messageLike", "messageUpdate"):
            assert seen[event.params["id"]] == event.channel


def test_counters_grow_and_are_read(day: list[DemoEvent]) -> None:
    """Only the counter named in `changed` changes."""
    before = dict.fromkeys(["im", "tasks_total", "crm_activity", "calendar"], 0)
    reads = 0
    for event in day:
        if event.command == "user_counter":
            after = event.params["s1"]
            changed = [name for name in after if after[name] != before[name]]
            assert changed == [event.params["changed"]]
            reads += after[changed[0]] == 0
            before = after
    assert reads > 20


def test_gaps_have_the_rate_as_their_mean_in_bursts_and_lulls() -> None:
    """The mean is within a tenth; some seconds are many times as busy as others."""
    gaps = list(islice(demo_gaps(50.0, seed=4), 50_000))
    assert sum(gaps) == pytest.approx(50_000 / 50, rel=0.1)
    moment, seconds = 0.0, Counter[int]()
    for gap in gaps:
        moment += gap
        seconds[int(moment)] += 1
    counts = sorted(seconds[second] for second in range(int(moment)))
    assert counts[len(counts) // 10] < 25
    assert counts[-len(counts) // 10] > 90


def test_play_publishes_in_order_and_in_time() -> None:
    """Each event is published after its gap, by the loop's clock."""
    events = islice(demo_events(0), 20)
    played: list[tuple[float, DemoEvent]] = []

    async def run() -> float:
        clock = asyncio.get_running_loop().time
        start = clock()
        await play(events, repeat(0.002), lambda event: played.append((clock(), event)))
        return start

    start = asyncio.run(run())
    assert [event for _, event in played] == list(islice(demo_events(0), 20))
    for number, (moment, _) in enumerate(played, 1):
        assert moment >= start + number * 0.002 - 0.001


def test_a_late_loop_catches_up_only_a_second() -> None:
    """The events of a missed hour are not published."""
    played: list[DemoEvent] = []

    class SleepingLoop(asyncio.SelectorEventLoop):
        """A loop with a clock that can be put ahead."""

        ahead = 0.0

        def time(self) -> float:
            return super().time() + self.ahead

    async def run() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SleepingLoop)

        def publish(event: DemoEvent) -> None:
            played.append(event)
            loop.ahead = 3600.0

        task = asyncio.create_task(play(demo_events(0), chain([0.0], repeat(0.01)), publish))
        for _ in range(10):  # far less than one gap once it has caught up
            await asyncio.sleep(0)
        task.cancel()

    with asyncio.Runner(loop_factory=SleepingLoop) as runner:
        runner.run(run())
    assert 50 < len(played) < 150
