"""Every tutorial is clean in the repository, and runs from its first cell to its last."""

import json
import os
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import bxpull_nb as bx
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.sandbox.demo_orders import cause_of_unpaid
from tests.support.paths import PROJECT

NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
NAMES = [path.stem for path in NOTEBOOKS]
SECRETS = """
import json
_channels = [c.id for c in _portal.fetch_config().channels.values()]
_mine = [sandbox.token, sandbox.refresh_token, sandbox.client_secret, sandbox.webhook]
print(json.dumps([*_mine, *_channels]))
"""
"""A cell that prints the secrets of a notebook's own sandbox, as a JSON list."""
START = "00_start_here"
BY_HAND = {"03_explore_and_export": "panel.feed.start().wait(5, timeout=20)"}
"""What the reader does with the mouse before the solution, as code."""
OWN_SANDBOX = {
    "05_when_the_line_breaks": "portal",
    "07_your_own_portal": "app",
    "09_what_the_events_mean": "portal",
    "10_the_whole_portal": "portal",
}
"""Notebooks with a sandbox that lives on at their end, and the portal they hold of it."""
FORMS = ["application/vnd.jupyter.widget-view+json", "text/html", "text/plain"]
"""The forms of an output, the richest first."""
PICTURE_AND_WIDGET = ["text/html", "application/vnd.jupyter.widget-view+json"]
"""A panel in a saved notebook: its static picture, then the panel."""


class Ran(NamedTuple):
    """A tutorial with its outputs, run in a folder as under `bxpull lab`."""

    notebook: Any
    folder: Path
    address: str
    """Of the sandbox in its kernel's environment, as 127.0.0.1:PORT."""
    secrets: list[str]
    """Of that sandbox, and of the notebook's own."""


Tutorials = Callable[[str], Ran]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Tutorials:
    """The tutorial of that name, which runs once for all tests that look at it."""
    return cache(lambda name: run(name, tmp_path_factory.mktemp(name)))


def run(name: str, folder: Path) -> Ran:
    """The tutorial, run by a kernel that knows a sandbox by its environment."""
    import nbformat

    own = [f"_portal = {OWN_SANDBOX[name]}{SECRETS}"] if name in OWN_SANDBOX else []
    notebook = nbformat.read(PROJECT / "notebooks" / f"{name}.ipynb", as_version=4)
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in own]
    with Sandbox(demo=True) as sandbox:
        with bx.connect(sandbox.url, token=sandbox.token) as portal:
            secrets = [sandbox.token, *(c.id for c in portal.fetch_config().channels.values())]
        execute(notebook, folder, BXPULL_URL=sandbox.url, BXPULL_TOKEN=sandbox.token)
        address = sandbox.url.rpartition("/")[2]
    if own:
        secrets += json.loads(notebook.cells.pop().outputs[0].text)
    return Ran(notebook, folder, address, secrets)


def execute(notebook: Any, folder: Path, **environment: str) -> None:
    """Run it there, with its temporary files and without the settings of this machine."""
    from nbclient import NotebookClient

    kept = {key: value for key, value in os.environ.items() if not key.startswith("BXPULL_")}
    private = {"PYTHONPATH": str(PROJECT), "IPYTHONDIR": str(folder / ".ipython")}
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env={**kept, **private, "TMPDIR": str(folder), **environment})


def outputs(notebook: Any, cell: str) -> str:
    """The text under the cell with that id."""
    return "".join(
        output.get("text") or output["data"]["text/plain"]
        for found in notebook.cells
        if found.id == cell
        for output in found.outputs
    )


def html(notebook: Any, cell: str) -> str:
    """The HTML under the cell with that id."""
    found = next(found for found in notebook.cells if found.id == cell)
    return "".join(output.get("data", {}).get("text/html", "") for output in found.outputs)


def shown_as(notebook: Any, cell: str) -> list[str]:
    """Return the richest form of each output under the cell with that id."""
    found = next(found for found in notebook.cells if found.id == cell)
    return [
        next(form for form in FORMS if form in output.get("data", {})) for output in found.outputs
    ]


def complaints(notebook: Any) -> Iterator[str]:
    """What went to stderr, and the errors: both would be seen by a newcomer."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error" or output.get("name") == "stderr":
                yield f"{cell.id}: {output}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_clean(path: Path) -> None:
    """Valid, short, with ids that name each cell, and without any trace of a run."""
    import nbformat

    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert len(notebook.cells) <= 20
    last = notebook.cells[-1]
    assert last.id == "next"
    links = re.findall(r"\]\((\w+\.ipynb)\)", last.source)
    assert links
    assert all((path.parent / link).is_file() for link in links)
    if path.stem != START:
        assert [cell.id for cell in notebook.cells[-3:-1]] == ["exercise", "your-turn"]
        assert notebook.cells[-3].source.startswith("## Exercise\n")
        assert last.source.startswith("<details><summary>A solution</summary>\n")
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z-]+", cell_id) for cell_id in ids)
    for cell in notebook.cells:
        assert cell.metadata == {}
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


def heading(path: Path) -> str:
    """The first line of the notebook, without its mark."""
    import nbformat

    first = nbformat.read(path, as_version=4).cells[0].source
    return str(first.partition("\n")[0].removeprefix("# "))


def linked(path: Path) -> list[tuple[str, str]]:
    """The links under "Next", as pairs of text and file name."""
    import nbformat

    last = nbformat.read(path, as_version=4).cells[-1].source
    return re.findall(r"\[(.+?)\]\((\w+\.ipynb)\)", last.partition("**Next:**")[2])


def test_the_start_links_to_all_in_order() -> None:
    """Each by its title, which begins with the number in its file name."""
    start, *others = NOTEBOOKS
    assert linked(start) == [(heading(path), path.name) for path in others]
    for number, path in enumerate(others, 1):
        assert path.name.startswith(f"{number:02}_")
        assert heading(path).startswith(f"{number} · ")


@pytest.mark.parametrize(
    ("path", "following"), list(pairwise(NOTEBOOKS)), ids=lambda path: path.stem
)
def test_each_links_to_the_next(path: Path, following: Path) -> None:
    """By its title."""
    assert linked(path)[0] == (heading(following), following.name)


@pytest.mark.slow
def test_the_start(ran: Tutorials) -> None:
    """Three lines, and a panel that has started."""
    notebook = ran(START).notebook
    panel = next(cell for cell in notebook.cells if cell.id == "panel")
    assert len(panel.source.splitlines()) == 3
    assert shown_as(notebook, "panel") == PICTURE_AND_WIDGET
    assert "Explorer(Feed(127.0.0.1:" in outputs(notebook, "panel")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name != START])
def test_the_solution_runs(name: str, tmp_path: Path) -> None:
    """After the cells before it."""
    import nbformat

    notebook = nbformat.read(PROJECT / "notebooks" / f"{name}.ipynb", as_version=4)
    solution = re.findall(r"```python\n(.*?)```", notebook.cells[-1].source, re.S)[0]
    by_hand = BY_HAND.get(name, "")
    notebook.cells[-1] = nbformat.v4.new_code_cell(f"{by_hand}\n{solution}")
    with Sandbox(demo=True) as sandbox:
        execute(notebook, tmp_path, BXPULL_URL=sandbox.url, BXPULL_TOKEN=sandbox.token)
    assert list(complaints(notebook)) == []


@pytest.mark.slow
def test_the_listening_tutorial(ran: Tutorials) -> None:
    """The greeting comes back, both transports get the same event, and everything stops."""
    notebook = ran("01_listen_live").notebook
    assert outputs(notebook, "send") == "{'text': 'hello', 'n': 1}"
    before, after = map(int, re.findall(r"\d+", outputs(notebook, "held")))
    assert 10 <= before < after
    assert re.findall(r"^\w+", outputs(notebook, "polling"), re.M) == ["websocket", "polling"]
    state, events = outputs(notebook, "stop").strip("()").split(", ")
    assert state == "'stopped'"
    assert int(events) > after
    assert '{"text":"hello","n":1}' in outputs(notebook, "your-turn")


@pytest.mark.slow
def test_the_config_tutorial(ran: Tutorials) -> None:
    """The same channels when asked again, and a sentence about a refused token."""
    notebook = ran("02_connection_config").notebook
    assert outputs(notebook, "fetch") == "PullConfig(server version 3, shared, private)"
    assert outputs(notebook, "again") == "{'shared': True, 'private': True}"
    assert "'version': 3" in outputs(notebook, "server")
    assert "invalid_token" in outputs(notebook, "refused")
    assert outputs(notebook, "your-turn") == "datetime.timedelta(seconds=43205)"


@pytest.mark.slow
def test_the_exploring_tutorial(ran: Tutorials) -> None:
    """It leaves a panel that has not begun, and a file that reads back."""
    notebook, folder, *_ = ran("03_explore_and_export")
    assert shown_as(notebook, "panel") == PICTURE_AND_WIDGET
    assert outputs(notebook, "your-turn").startswith("Series([]")
    events = bx.read_events(folder / "sample.csv")
    assert len(events) == int(outputs(notebook, "capture")) >= 100
    assert outputs(notebook, "to-csv") == (
        f"{len(events)} events in sample.csv, equal to those captured: True\n"
    )
    assert events["mid"].is_unique
    assert "params.stage" in html(notebook, "params")


@pytest.mark.slow
def test_the_tutorial_of_one_event(ran: Tutorials) -> None:
    """Expected, missed, taken apart, expanded, and found among the noise around a click."""
    notebook = ran("04_understand_one_event").notebook
    assert outputs(notebook, "expect") == "{'text': 'hello', 'to': {'name': 'Ada', 'n': 1}}"
    missed = outputs(notebook, "nearest").splitlines()
    assert missed[0].endswith("none came within 1 s")
    assert missed[2].strip() == (
        'shared application greeting {"text":"hello","to":{"name":"Grace","n":2}}'
    )
    assert "server counts since" in html(notebook, "anatomy")
    assert "#!NGINXNMS!#" in html(notebook, "anatomy")
    assert re.search(r"message number \d+\n", outputs(notebook, "parts"))
    expanded = outputs(notebook, "expand").splitlines()
    assert expanded[0].split() == ["command", "params.text", "params.to.name", "params.to.n"]
    assert [line.split()[1:] for line in expanded[1:]] == [
        ["greeting", "hello", "Ada", "1"],
        ["greeting", "hello", "Grace", "2"],
    ]
    assert outputs(notebook, "mark").splitlines()[1].split()[:4] == [
        "0",
        "application",
        "orderSaved",
        "3",
    ]
    assert "Explorer(Feed(127.0.0.1:" in outputs(notebook, "panel")
    assert int(outputs(notebook, "your-turn")) > 300  # other events may be in the frame


@pytest.mark.slow
def test_the_tutorial_of_broken_lines(ran: Tutorials) -> None:
    """Nothing is lost and nothing doubled, whatever is done to the line."""
    notebook, folder, *_ = ran("05_when_the_line_breaks")
    assert outputs(notebook, "duplicate") == "3 events, 3 copies dropped\n"
    assert outputs(notebook, "lose") == "0 of 3 events\n"
    assert re.findall(r"^\d +(\w+) +(\d+)$", outputs(notebook, "drop"), re.M) == [
        ("meanwhile", "20"),
        ("forgotten", "3"),
    ]
    assert outputs(notebook, "restart") == (
        "heard on the channel: shared\nheard on the channel: private\n"
    )
    assert outputs(notebook, "logbook").count(" lost ") == 4
    report = dict(re.findall(r"^(\w[\w ]+?)  +(.+)$", outputs(notebook, "report"), re.M))
    assert (report["events"], report["gaps"], report["unreadable"]) == ("30", "4", "0")
    brought = int(report["replayed after gaps"]) + int(report["recovered by audits"])
    assert 23 <= brought <= 25  # the two others too, when they were sent within the gap
    assert outputs(notebook, "journal") == "30 + 5 = 35 events, each once: True\n"
    assert outputs(notebook, "your-turn").startswith("Empty DataFrame")
    [journal] = folder.glob("journal-*")
    assert bx.read_events(journal)["command"].value_counts().to_dict() == {
        "meanwhile": 20,
        "overnight": 5,
        "twice": 3,
        "forgotten": 3,
        "done": 1,
        "after": 1,
        "back": 2,
    }


@pytest.mark.slow
def test_the_tutorial_of_a_day(ran: Tutorials) -> None:
    """Two sessions, one gap, three figures, and two files that hold the day."""
    notebook, folder, *_ = ran("06_analyse_a_day")
    assert outputs(notebook, "day") == "6000 events from 08:04 to 18:22 UTC\n"
    assert outputs(notebook, "keep") == "equal when read back: True\n"
    day = bx.read_events(folder / "day.parquet")
    assert day.equals(bx.read_events(folder / "day.csv"))
    assert bx.sessions(day, idle="10min")["events"].tolist() == [3000, 3000]
    assert outputs(notebook, "sessions").count("3000") == 2
    assert html(notebook, "who").count("<td>backend</td>") == 1
    assert html(notebook, "summary").count("<tr>") == 8
    pictures = {
        cell.id: output.data["image/png"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    }
    assert list(pictures) == ["rate", "lag", "gaps"]
    assert len(set(pictures.values())) == 3
    assert re.match(r"after noon: \w+\.\w+ at 12:\d\d:\d\d UTC\n", outputs(notebook, "replay"))
    assert html(notebook, "your-turn").count("2026-03-02") == 11


@pytest.mark.slow
def test_the_tutorial_of_ones_own_portal(ran: Tutorials) -> None:
    """By webhook, by an application that signs in and renews, and through the doctor's hands."""
    notebook = ran("07_your_own_portal").notebook
    assert outputs(notebook, "webhook").endswith("the webhook user's own feed)")
    assert re.fullmatch(r"TokenPair\('\w{4}….{3}', refresh .*\)", outputs(notebook, "login"))
    assert outputs(notebook, "app") == (
        "('Ada', ['pull', 'pull_channel', 'crm', 'user', 'task', 'im'])"
    )
    assert outputs(notebook, "renew") == "'Ada'"
    examined = outputs(notebook, "doctor")
    assert "all is well (9 ok)" in examined
    assert examined.count("5 of 5 test events came back") == 2
    assert outputs(notebook, "environment") == "['BXPULL_TOKEN', 'BXPULL_URL']"
    assert "all is well" in outputs(notebook, "your-turn")


@pytest.mark.slow
def test_the_tutorial_of_a_dataset(ran: Tutorials) -> None:
    """Two collectors, one dataset, each event once; Dask and pandas agree, on a cluster here."""
    notebook, folder, *_ = ran("08_beyond_one_notebook")
    assert outputs(notebook, "collect") == "True"
    assert outputs(notebook, "second") == "the dataset has all: True\n"
    names = re.findall(r"^date=\S+ (\w+)-\S+\.parquet \d+$", outputs(notebook, "layout"), re.M)
    assert len(names) == 3
    assert len(set(names)) == 2
    assert outputs(notebook, "read").startswith("every event once: True\n")
    assert outputs(notebook, "same").startswith("as with pandas: True\n")
    assert outputs(notebook, "compact") == "the same events: True\n"
    assert len(bx.read_events(folder / "events")) > 50
    assert html(notebook, "your-turn").count("<tr") == 4


@pytest.mark.slow
def test_the_tutorial_of_a_dataset_runs_without_dask(tmp_path: Path) -> None:
    """As on the README's own install: pandas has the same tables."""
    import nbformat

    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['dask'] = None\n")
    notebook = nbformat.read(PROJECT / "notebooks" / "08_beyond_one_notebook.ipynb", as_version=4)
    path = os.pathsep.join([str(hidden), str(PROJECT)])
    with Sandbox(demo=True) as sandbox:
        settings = {"BXPULL_URL": sandbox.url, "BXPULL_TOKEN": sandbox.token, "PYTHONPATH": path}
        execute(notebook, tmp_path, **settings)
    assert outputs(notebook, "same").startswith("as with pandas: True\n")
    assert html(notebook, "your-turn").count("<tr") == 4


@pytest.mark.slow
def test_the_tutorial_of_meaning(ran: Tutorials) -> None:
    """Orders and payments pair, the cause of lost orders comes first, every change is found."""
    notebook = ran("09_what_the_events_mean").notebook
    assert "responsible_id" in html(notebook, "schema")
    assert "bank transfer" in html(notebook, "sql")
    assert "application.paymentAdd" in html(notebook, "pairs")
    path, value = cause_of_unpaid(0)
    assert f"<td>params.{path}</td>\n      <td>==</td>\n      <td>{value}</td>" in html(
        notebook, "explain"
    )
    watched = outputs(notebook, "wait")
    assert "crm.dealMove has a new path: params.assigned_by_id" in watched
    assert "tasks.comment_add: params.messageId is now string" in watched
    for word in ("assigned_by_id", "KZT", "messageLike", "documentReplaced"):
        assert word in html(notebook, "compare")
    assert outputs(notebook, "never") == "['dealAdd', 'dealMove']"
    assert "command vanished" in html(notebook, "your-turn")


@pytest.mark.slow
def test_the_tutorial_of_the_whole_portal(ran: Tutorials) -> None:
    """A deal and a message arrive in addition to the channels, and then without the person."""
    notebook = ran("10_the_whole_portal").notebook
    assert outputs(notebook, "doctor").count(": allowed: ") == 3
    assert outputs(notebook, "deal") == "('offline', 'Forty chairs', 'NEW')"
    assert ">WON<" in html(notebook, "trace")
    assert "offline" in outputs(notebook, "report")
    assert {"channel", "offline", "chat"} <= set(outputs(notebook, "chat").split())
    last_name, text = re.findall(r"'([^']*)'", outputs(notebook, "privacy"))
    assert re.fullmatch("person-[0-9a-f]{10}", last_name)
    assert re.match(rf"{last_name}: \+7 0\d\d \d{{3}}-.* or mail-\w+@example\.invalid$", text)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_nothing_fails_or_complains(name: str, ran: Tutorials) -> None:
    """No error, and not a word on stderr."""
    assert list(complaints(ran(name).notebook)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_saved_notebook_holds_no_secret(name: str, ran: Tutorials) -> None:
    """With the state of its widgets: no token, no channel id."""
    import nbformat

    notebook, _, address, secrets = ran(name)
    assert len(secrets) == (9 if name in OWN_SANDBOX else 3)
    saved = nbformat.writes(notebook)
    code = "".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    connects = "bx.connect()" in code or "bx.explore()" in code
    assert (address in saved) == connects  # it did use this sandbox
    assert not [secret for secret in secrets if secret in saved]
