"""A live table in JupyterLab: the cell that makes one, and its parts in the page."""

from typing import TYPE_CHECKING

from tests.support.lab_page import LabPage

if TYPE_CHECKING:
    from playwright.sync_api import Locator

__all__ = ["SETUP", "at_bottom", "grid", "rows"]

SETUP = '''
import json, random, threading, time
from bxpull_nb.models import Arrival, BadFrame, Event
from bxpull_nb.jupyter.widgets.live_table import LiveTable

KINDS = [
    ("crm", "dealUpdate", {"id": 15, "stage": "WON", "title": "Договор № 17", "sum": 1250000}),
    ("im", "message", {"chatId": 12, "text": "Shall we meet at three?", "authorId": 4}),
    ("tasks", "comment_add", {"taskId": 812, "ownerId": 1, "participants": list(range(99))}),
    ("pull", "online", {"userId": 4, "idle": False}),
    ("main", "user_counter", {"12": 3, "**": 5}),
]

class Log:
    """The smallest source: a list."""
    def __init__(self):
        self.records = []
    def __len__(self):
        return len(self.records)
    def recent(self, start):
        start = min(start, len(self.records))
        return start, self.records[start:]
    def add(self, count, kind=None):
        for _ in range(count):
            now = time.time()
            module, command, params = kind or random.choice(KINDS)
            arrival = Arrival(int(now * 1e6), random.choice(["shared", "private"]), "websocket")
            text = json.dumps(params, separators=(",", ":")).encode()
            sent = now - abs(random.gauss(0.006, 0.02))
            self.records.append(Event("0" * 26, module, command, text, sent, "backend", arrival))
    def add_bad(self):
        arrival = Arrival(int(time.time() * 1e6), "shared", "websocket")
        raw, error = '{"mid":"1","text":{oops', "the body is not JSON"
        self.records.append(BadFrame(raw, error, None, arrival))

def every_tenth_second():
    while True:
        time.sleep(0.1)
        for table in tables:
            table.flush()

random.seed(4)
tables, log, selected = [], Log(), []
table = LiveTable(log, rows=1000, empty="No events yet. Run the next cell.")
table.on_select(selected.append)
tables.append(table)
threading.Thread(target=every_tenth_second, daemon=True).start()
'''


def grid(tab: LabPage) -> "Locator":
    """The table itself."""
    return tab.page.get_by_role("grid").first


def rows(tab: LabPage) -> "Locator":
    """The rows that are drawn."""
    return tab.page.locator(".bxlt").first.locator(".bxlt-row")


def at_bottom(tab: LabPage) -> bool:
    """Whether the newest row is in sight."""
    script = "g => g.scrollTop + g.clientHeight >= g.scrollHeight - 1"
    result: bool = grid(tab).evaluate(script)
    return result
