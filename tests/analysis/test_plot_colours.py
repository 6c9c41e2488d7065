"""A command has one colour: in figures and in the panel's chart."""

import json
import re
import shutil
import subprocess

from bxpull_nb.analysis.plots.colours import COLOURS, GREY, colours_of
from tests.support.node import cannot_run
from tests.support.paths import PROJECT

WIDGETS = PROJECT / "bxpull_nb" / "jupyter" / "widgets"
NAMES = ["message", "dealMove", "task_update", "комментарий", "🎉", "", "x" * 80]
ASK = "\nconst names = {names};\nconst totals = new Map(names.map((name, i) => [name, 99 - i]));\n"
ASK += "console.log(JSON.stringify(slotted(Array(7).fill(null), totals, new Map())));\n"


def test_the_colours_are_those_of_the_chart() -> None:
    """Each place, and the grey of all others."""
    css = (WIDGETS / "rate_chart.css").read_text()
    found = re.findall(r"^\.bxrc-\d \{ --bxrc-colour: (#\w{6}); \}$", css, re.MULTILINE)
    assert tuple(found) == (*COLOURS, GREY)


def test_the_places_are_those_of_the_chart() -> None:
    """The chart's own function gives them, for names of any script."""
    node = shutil.which("node")
    if node is None:
        cannot_run("node is not installed")
    script = (WIDGETS / "rate_chart_draw.js").read_text() + ASK.format(names=json.dumps(NAMES))
    done = subprocess.run(
        [str(node), "-"], input=script, capture_output=True, text=True, timeout=60, check=True
    )
    slots = json.loads(done.stdout)
    assert [COLOURS[slots.index(name)] for name in NAMES] == colours_of(NAMES)


def test_the_eighth_name_is_grey() -> None:
    """And every other has a colour of its own."""
    colours = colours_of([*NAMES, "8 others"])
    assert (len(set(colours)), colours[-1]) == (8, GREY)
