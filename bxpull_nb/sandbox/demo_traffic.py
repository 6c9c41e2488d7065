"""Demo traffic: the events of a working day in a small company; `demo_pace` publishes them.

The same seed gives the same events, whatever the rate. Every generator keeps its state: a deal is
created, moves through its stages and is won or lost, a chat's messages are numbered, counters go
up and are read. Each event names the entities that it belongs to, which `demo_truth` reports.
"""

from collections import deque
from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Any

from bxpull_nb.sandbox.demo_drift import drifted
from bxpull_nb.sandbox.demo_event import DemoEvent
from bxpull_nb.sandbox.demo_orders import orders
from bxpull_nb.sandbox.objects.portal_objects import COMPANIES
from bxpull_nb.sandbox.settings import USER_ID

__all__ = ["demo_events"]

_PAYMENT_COMES = 0.3  # after each event: a payment is three events after its order, on average
_PEOPLE = {
    1: "Ada Sandbox",
    7: "Борис Ильин",
    12: "Chiara Rossi",
    15: "Дарья Орлова",
    23: "Émile Roy",
}
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
_COLUMN_TITLES = {11: "To do", 12: "Делаем", 13: "Review"}
_COLUMNS = list(_COLUMN_TITLES)
_FILES = ["offer.pdf", "Договор.docx", "price list.xlsx", "scan.jpg", "презентация.pptx"]
_MEETINGS = ["Stand-up", "Планёрка", "Demo for the client", "Budget 2027"]
_WORKFLOWS = ["Approve an invoice", "Согласование отпуска", "New employee"]


def demo_events(seed: int = 0, drift_after: int | None = None) -> Iterator[DemoEvent]:
    """Yield events of several modules on both channels, without end.

    Those after the first `drift_after` have the changes of `demo_drift`; None is never.
    """
    events = _events(seed)
    return events if drift_after is None else drifted(events, drift_after)


def _events(seed: int) -> Iterator[DemoEvent]:
    rng = Random(seed)  # noqa: S311 - plausible traffic, no secrets
    payments: deque[DemoEvent] = deque()
    weights = {
        _deals(rng): 26,
        _chats(rng): 30,
        _tasks(rng): 16,
        _counters(rng): 9,
        _workflows(rng): 6,
        _meetings(rng): 4,
        _files(rng): 5,
        orders(rng, seed, payments): 2,
        _application(rng): 1,
    }
    sources, shares = list(weights), list(weights.values())
    while True:
        if payments and rng.random() < _PAYMENT_COMES:
            yield payments.popleft()
        else:
            yield next(rng.choices(sources, shares)[0])


def _deals(rng: Random) -> Iterator[DemoEvent]:
    """Yield deals: created, moved stage by stage, won or lost."""
    open_deals: list[dict[str, Any]] = []
    for number in count(1001):
        deal = _new_deal(rng, number)
        open_deals.append(deal)
        yield _of_deal("dealAdd", deal)
        while len(open_deals) > 4 and rng.random() < 0.8:
            yield _deal_step(rng, open_deals)


def _deal_step(rng: Random, open_deals: list[dict[str, Any]]) -> DemoEvent:
    """Move one deal on or change its sum; a deal that ends leaves the list."""
    deal = rng.choice(open_deals)
    if rng.random() < 0.15:
        before = {"opportunity": deal["opportunity"]}
        deal["opportunity"] = round(deal["opportunity"] * rng.uniform(0.8, 1.25), 2)
        after = {"opportunity": deal["opportunity"]}
        return _of_deal("dealUpdate", {**deal, "BEFORE": before, "AFTER": after})
    before = deal["stage"]
    deal["stage"] = "LOSE" if rng.random() < 0.08 else _STAGES[_STAGES.index(before) + 1]
    if deal["stage"] in ("WON", "LOSE"):
        open_deals.remove(deal)
    change = {"BEFORE": {"stage": before}, "AFTER": {"stage": deal["stage"]}}
    return _of_deal("dealMove", {**deal, "from": before, **change})


def _of_deal(command: str, params: dict[str, Any]) -> DemoEvent:
    entities = (("deal", str(params["id"])),)
    return DemoEvent("crm", command, dict(params), "shared", entities, params["stage"])


def _new_deal(rng: Random, number: int) -> dict[str, Any]:
    company = rng.choice(COMPANIES)
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
            yield _of_message(command, message)
        message = _new_message(rng, number)
        if rng.random() < 0.25:
            writing = {key: message[key] for key in ("dialogId", "authorId", "author")}
            author = ("user", str(message["authorId"]))
            entities = (author, *_chat(message))
            yield DemoEvent("im", "startWriting", writing, _dialog_channel(message), entities)
        recent.append(message)
        yield _of_message("message", message)


def _of_message(command: str, message: dict[str, Any]) -> DemoEvent:
    entities = (("message", str(message["id"])), *_chat(message))
    return DemoEvent("im", command, dict(message), _dialog_channel(message), entities)


def _chat(message: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the chat of a message as an entity; none for a dialog with one person."""
    dialog: str = message["dialogId"]
    return (("chat", dialog.removeprefix("chat")),) if dialog.startswith("chat") else ()


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
    """Yield tasks: added, moved through the columns of a board, commented on, finished."""
    ids, comments = count(301), count(9001)
    open_tasks: list[dict[str, Any]] = []
    columns: dict[int, int] = {}
    while True:
        dice = rng.random()
        if not open_tasks or dice < 0.25:
            task: dict[str, Any] = {
                "TASK_ID": next(ids),
                "title": rng.choice(_TASKS),
                "responsibleId": rng.choice(list(_PEOPLE)),
            }
            open_tasks.append(task)
            columns[task["TASK_ID"]] = _COLUMNS[0]
            yield _of_task("task_add", {**task, "AFTER": _in_column(_COLUMNS[0])}, _COLUMNS[0])
        elif dice < 0.65:
            task = rng.choice(open_tasks)
            comment = {"messageId": next(comments), "text": rng.choice(_MESSAGES)}
            yield _of_task("comment_add", {**task, **comment}, columns[task["TASK_ID"]])
        elif dice < 0.8:
            yield _moved_task(rng.choice(open_tasks)["TASK_ID"], columns)
        else:
            task = open_tasks.pop(rng.randrange(len(open_tasks)))
            done = {**task, "status": "completed"}
            yield _of_task("task_update", done, columns.pop(task["TASK_ID"]))


def _moved_task(task_id: int, columns: dict[int, int]) -> DemoEvent:
    """Move a task to the next column; a portal sends only its id and what changed."""
    before = columns[task_id]
    after = columns[task_id] = _COLUMNS[(_COLUMNS.index(before) + 1) % len(_COLUMNS)]
    change = {"BEFORE": {"STAGE": before}, "AFTER": _in_column(after)}
    return _of_task("task_update", {"TASK_ID": task_id, **change}, after)


def _in_column(column: int) -> dict[str, Any]:
    return {"STAGE": column, "STAGE_INFO": {"id": column, "title": _COLUMN_TITLES[column]}}


def _of_task(command: str, params: dict[str, Any], column: int) -> DemoEvent:
    entities = (("task", str(params["TASK_ID"])),)
    return DemoEvent("tasks", command, params, "shared", entities, str(column))


def _counters(rng: Random) -> Iterator[DemoEvent]:
    """Yield the user's own counters, which grow and are read."""
    counters = {"im": 0, "tasks_total": 0, "crm_activity": 0, "calendar": 0}
    while True:
        name = rng.choice(list(counters))
        read = counters[name] > 0 and rng.random() < 0.3
        counters[name] = 0 if read else counters[name] + rng.randint(1, 3)
        params = {"userId": USER_ID, "s1": dict(counters), "changed": name}
        yield DemoEvent("main", "user_counter", params, "private", (("user", str(USER_ID)),))


def _workflows(rng: Random) -> Iterator[DemoEvent]:
    """Yield workflows that start, ask the user something, and end."""
    for number in count(71):
        workflow = {"id": f"wf-{number}", "name": rng.choice(_WORKFLOWS)}
        entities = (("workflow", workflow["id"]),)
        yield DemoEvent("bizproc", "workflowStarted", workflow, "shared", entities)
        task = {**workflow, "task": "approve", "fields": {"sum": rng.randint(10, 900) * 10}}
        yield DemoEvent("bizproc", "taskAssigned", task, "private", entities)
        outcome = "approved" if rng.random() < 0.8 else "rejected"
        ended = {**workflow, "state": outcome}
        yield DemoEvent("bizproc", "workflowCompleted", ended, "shared", entities, outcome)


def _meetings(rng: Random) -> Iterator[DemoEvent]:
    """Yield invitations, and the answers to them."""
    for number in count(501):
        meeting = {
            "entryId": number,
            "name": rng.choice(_MEETINGS),
            "durationMinutes": rng.choice([15, 30, 60]),
        }
        entities = (("calendar entry", str(number)),)
        yield DemoEvent("calendar", "invite", meeting, "private", entities)
        for person in rng.sample(list(_PEOPLE), rng.randint(1, 3)):
            answer = {"entryId": number, "userId": person, "status": rng.choice("YYYNQ")}
            yield DemoEvent("calendar", "set_meeting_status", answer, "shared", entities)


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
        file = (("file", str(number)),)
        yield DemoEvent("disk", "documentUploaded", uploaded, "shared", file)


def _application(rng: Random) -> Iterator[DemoEvent]:
    """Yield the application's own events: a synchronisation in steps."""
    for run in count(1):
        total = rng.randint(3, 8)
        for done in range(1, total + 1):
            yield DemoEvent(
                "application", "syncProgress", {"run": run, "done": done, "total": total}, "shared"
            )
