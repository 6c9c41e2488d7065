"""Demo traffic: events of a working day in a small company, published in time.

The same seed gives the same events, whatever the rate. Every generator keeps its state: a deal is
created, moves through its stages and is won or lost, a chat's messages are numbered, counters go
up and are read.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any, NamedTuple

__all__ = ["DemoEvent", "demo_events", "demo_gaps", "play"]

_LARGEST_DELAY = 1.0
_YIELD_EVERY = 64


class DemoEvent(NamedTuple):
    """One event, and the type of the channel that it belongs to."""

    module_id: str
    command: str
    params: dict[str, Any]
    channel: str


_PEOPLE = {
    1: "Ada Sandbox",
    7: "Борис Ильин",
    12: "Chiara Rossi",
    15: "Дарья Орлова",
    23: "Émile Roy",
}
_COMPANIES = [
    "Northwind",
    "«Ромашка»",
    "Acme GmbH",
    "Café Lumière",
    "Blue Yonder",
    "ИП Соколов",
]
_GOODS = ["annual support", "office chairs", "website", "поставка бумаги", "licences", "training"]
_STAGES = ["NEW", "PREPARATION", "PREPAYMENT_INVOICE", "EXECUTING", "WON"]
_MESSAGES = [
    "Добрый день! Договор подписан ✅",
    "Could you look at the offer before noon?",
    "Перенесём встречу на 15:00?",
    "Отлично 👍",
    "The client asks for a discount 😅",
    "See the updated version 📎",
    "Спасибо, коллеги! 🎉",
    "On my way",
    "Счёт оплачен, отгружаем завтра 🚚",
    "Grüße aus München!",
]
_TASKS = [
    "Prepare the offer",
    "Подготовить договор",
    "Call back",
    "Check the invoice",
    "Обновить прайс",
]
_FILES = ["offer.pdf", "Договор.docx", "price list.xlsx", "scan.jpg", "презентация.pptx"]
_MEETINGS = ["Stand-up", "Планёрка", "Demo for the client", "Budget 2027"]
_WORKFLOWS = ["Approve an invoice", "Согласование отпуска", "New employee"]


def demo_events(seed: int = 0) -> Iterator[DemoEvent]:
    """Yield events of several modules on both channels, without end."""
    rng = Random(seed)  # noqa: S311 - plausible traffic, no secrets
    weights = {
        _deals(rng): 26,
        _chats(rng): 30,
        _tasks(rng): 16,
        _counters(rng): 10,
        _workflows(rng): 6,
        _meetings(rng): 4,
        _files(rng): 5,
        _application(rng): 3,
    }
    sources, shares = list(weights), list(weights.values())
    while True:
        yield next(rng.choices(sources, shares)[0])


def demo_gaps(rate: float, seed: int = 0) -> Iterator[float]:
    """Yield the seconds before each event, in bursts and lulls.

    The mean is `rate` events a second. A burst is about 200 events at 2.5 times the rate, a lull
    about 50 in the remaining time.
    """
    rng = Random(seed)  # noqa: S311 - see above
    burst, lull = 2.5 * rate, 50 / 170 * rate  # 200 / 2.5 + 50 * 170 / 50 = 250 mean gaps
    while True:
        for _ in range(rng.randint(100, 300)):
            yield rng.expovariate(burst)
        for _ in range(rng.randint(25, 75)):
            yield rng.expovariate(lull)


async def play(
    events: Iterator[DemoEvent], gaps: Iterator[float], publish: Callable[[DemoEvent], object]
) -> None:
    """Publish each event when its gap has passed, as long as there are events.

    A late loop catches up with one second at most: a computer that slept must not publish the
    events of a night at once.
    """
    clock = asyncio.get_running_loop().time
    due = clock()
    for number, (event, gap) in enumerate(zip(events, gaps, strict=False)):
        due = max(due + gap, clock() - _LARGEST_DELAY)
        wait = due - clock()
        # When late it does not wait, but lets other tasks of the loop run now and then.
        if wait > 0 or number % _YIELD_EVERY == 0:
            await asyncio.sleep(max(wait, 0))
        publish(event)


def _deals(rng: Random) -> Iterator[DemoEvent]:
    """Yield deals: created, moved stage by stage, won or lost."""
    open_deals: list[dict[str, Any]] = []
    for number in count(1001):
        deal = _new_deal(rng, number)
        open_deals.append(deal)
        yield DemoEvent("crm", "dealAdd", dict(deal), "shared")
        while len(open_deals) > 4 and rng.random() < 0.8:
            yield _deal_step(rng, open_deals)


def _deal_step(rng: Random, open_deals: list[dict[str, Any]]) -> DemoEvent:
    """Move one deal on or change its sum; a deal that ends leaves the list."""
    deal = rng.choice(open_deals)
    if rng.random() < 0.15:
        deal["opportunity"] = round(deal["opportunity"] * rng.uniform(0.8, 1.25), 2)
        return DemoEvent("crm", "dealUpdate", dict(deal), "shared")
    before = deal["stage"]
    deal["stage"] = "LOSE" if rng.random() < 0.08 else _STAGES[_STAGES.index(before) + 1]
    if deal["stage"] in ("WON", "LOSE"):
        open_deals.remove(deal)
    return DemoEvent("crm", "dealMove", {**deal, "from": before}, "shared")


def _new_deal(rng: Random, number: int) -> dict[str, Any]:
    company = rng.choice(_COMPANIES)
    return {
        "id": number,
        "title": f"{company}: {rng.choice(_GOODS)}",
        "company": company,
        "stage": _STAGES[0],
        "opportunity": round(rng.lognormvariate(8, 1), 2),
        "currency": rng.choice(["EUR", "EUR", "USD", "RUB"]),
        "responsible_id": rng.choice(list(_PEOPLE)),
    }


def _chats(rng: Random) -> Iterator[DemoEvent]:
    """Yield chat messages, some edited or liked later; direct ones are private."""
    recent: deque[dict[str, Any]] = deque(maxlen=20)
    for number in count(50_001):
        while recent and rng.random() < 0.2:
            message = rng.choice(recent)
            command = rng.choice(["messageLike", "messageUpdate"])
            yield DemoEvent("im", command, dict(message), _dialog_channel(message))
        message = _new_message(rng, number)
        if rng.random() < 0.25:
            writing = {key: message[key] for key in ("dialogId", "authorId", "author")}
            yield DemoEvent("im", "startWriting", writing, _dialog_channel(message))
        recent.append(message)
        yield DemoEvent("im", "message", dict(message), _dialog_channel(message))


def _new_message(rng: Random, number: int) -> dict[str, Any]:
    author = rng.choice(list(_PEOPLE))
    return {
        "id": number,
        "dialogId": rng.choice(["chat3", "chat3", "chat8", "chat11", str(author)]),
        "authorId": author,
        "author": _PEOPLE[author],
        "text": rng.choice(_MESSAGES),
    }


def _dialog_channel(message: dict[str, Any]) -> str:
    """Return `shared` for a chat, `private` for a dialog with one person."""
    return "shared" if message["dialogId"].startswith("chat") else "private"


def _tasks(rng: Random) -> Iterator[DemoEvent]:
    """Yield tasks: added, commented on, finished."""
    ids, comments = count(301), count(9001)
    open_tasks: list[dict[str, Any]] = []
    while True:
        dice = rng.random()
        if not open_tasks or dice < 0.25:
            task = {
                "TASK_ID": next(ids),
                "title": rng.choice(_TASKS),
                "responsibleId": rng.choice(list(_PEOPLE)),
            }
            open_tasks.append(task)
            yield DemoEvent("tasks", "task_add", dict(task), "shared")
        elif dice < 0.8:
            task = rng.choice(open_tasks)
            comment = {"messageId": next(comments), "text": rng.choice(_MESSAGES)}
            yield DemoEvent("tasks", "comment_add", {**task, **comment}, "shared")
        else:
            task = open_tasks.pop(rng.randrange(len(open_tasks)))
            yield DemoEvent("tasks", "task_update", {**task, "status": "completed"}, "shared")


def _counters(rng: Random) -> Iterator[DemoEvent]:
    """Yield the user's own counters, which grow and are read."""
    counters = {"im": 0, "tasks_total": 0, "crm_activity": 0, "calendar": 0}
    while True:
        name = rng.choice(list(counters))
        read = counters[name] > 0 and rng.random() < 0.3
        counters[name] = 0 if read else counters[name] + rng.randint(1, 3)
        yield DemoEvent("main", "user_counter", {"s1": dict(counters), "changed": name}, "private")


def _workflows(rng: Random) -> Iterator[DemoEvent]:
    """Yield workflows that start, ask the user something, and end."""
    for number in count(71):
        workflow = {"id": f"wf-{number}", "name": rng.choice(_WORKFLOWS)}
        yield DemoEvent("bizproc", "workflowStarted", workflow, "shared")
        task = {**workflow, "task": "approve", "fields": {"sum": rng.randint(10, 900) * 10}}
        yield DemoEvent("bizproc", "taskAssigned", task, "private")
        outcome = "approved" if rng.random() < 0.8 else "rejected"
        yield DemoEvent("bizproc", "workflowCompleted", {**workflow, "state": outcome}, "shared")


def _meetings(rng: Random) -> Iterator[DemoEvent]:
    """Yield invitations, and the answers to them."""
    for number in count(501):
        meeting = {
            "entryId": number,
            "name": rng.choice(_MEETINGS),
            "durationMinutes": rng.choice([15, 30, 60]),
        }
        yield DemoEvent("calendar", "invite", meeting, "private")
        for person in rng.sample(list(_PEOPLE), rng.randint(1, 3)):
            answer = {"entryId": number, "userId": person, "status": rng.choice("YYYNQ")}
            yield DemoEvent("calendar", "set_meeting_status", answer, "shared")


def _files(rng: Random) -> Iterator[DemoEvent]:
    """Yield uploaded documents; a repeated name is a new version."""
    versions: dict[str, int] = {}
    for number in count(8001):
        name = rng.choice(_FILES)
        versions[name] = versions.get(name, 0) + 1
        uploaded = {
            "id": number,
            "name": name,
            "version": versions[name],
            "size": int(rng.lognormvariate(11, 1.5)),
            "folder": {"id": 40 + len(name) % 3, "path": ["Общий диск", "2027"]},
        }
        yield DemoEvent("disk", "documentUploaded", uploaded, "shared")


def _application(rng: Random) -> Iterator[DemoEvent]:
    """Yield the application's own events: a synchronisation in steps."""
    for run in count(1):
        total = rng.randint(3, 8)
        for done in range(1, total + 1):
            yield DemoEvent(
                "application", "syncProgress", {"run": run, "done": done, "total": total}, "shared"
            )
