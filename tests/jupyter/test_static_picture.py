"""The picture of a panel that is saved with a notebook."""

import xml.etree.ElementTree as ET
from base64 import b64decode

import pytest

import bxpull_nb as bx
from bxpull_nb.capture.feed import Feed
from bxpull_nb.jupyter.widgets.saved_picture import SavedPicture
from bxpull_nb.jupyter.widgets.static_picture import chart_svg, picture_html
from bxpull_nb.portal import Portal
from bxpull_nb.sandbox import Sandbox

SVG = "{http://www.w3.org/2000/svg}"
XSS = "<img src=x onerror=alert(1)>"


@pytest.fixture
def feed(portal: Portal) -> Feed:
    """A feed that listens."""
    return bx.listen(portal)


def test_a_feed_without_events_has_its_state_only(portal: Portal) -> None:
    """No empty chart, no empty table."""
    html = picture_html(portal.feed(), texts=False)
    assert "idle · 0 events" in html
    assert "<img" not in html
    assert "<table" not in html


def test_texts_of_events_are_left_out_unless_asked_for(feed: Feed, sandbox: Sandbox) -> None:
    """Times, modules and commands are there either way."""
    sandbox.publish("dealMove", {"title": "Acme's offer"}, module_id="crm")
    feed.wait(1, timeout=5)
    without, with_texts = (picture_html(feed, texts=texts) for texts in (False, True))
    assert all("dealMove" in html and "crm" in html for html in (without, with_texts))
    assert "offer" not in without
    assert "Acme&#x27;s offer" in with_texts
    assert "static=True" in without
    assert "static=True" not in with_texts


def test_secrets_in_params_are_masked(feed: Feed, sandbox: Sandbox) -> None:
    """By the name of their key, and by their look."""
    sandbox.publish("a", {"access_token": "just-a-word", "path": f"/rest/1/{'s' * 16}/"})
    feed.wait(1, timeout=5)
    html = picture_html(feed, texts=True)
    assert "just-a-word" not in html
    assert "s" * 16 not in html


def test_hostile_texts_are_shown(feed: Feed, sandbox: Sandbox) -> None:
    """Not interpreted, and not invisible."""
    sandbox.publish(XSS + "\u202e", {XSS: "\u200b" + XSS}, module_id=XSS)
    feed.wait(1, timeout=5)
    html = picture_html(feed, texts=True)
    assert "<img src=x" not in html
    assert html.count("&lt;img src=x") == 4
    assert "\u202e" not in html
    assert "\u2039U+202E\u203a" in html
    assert "\u2039U+200B\u203a" in html


def test_the_newest_events_come_first_and_are_few(feed: Feed, sandbox: Sandbox) -> None:
    """Twelve rows, however many there are."""
    for n in range(40):
        sandbox.publish(f"c{n}", {"n": n})
    feed.wait(40, timeout=5)
    html = picture_html(feed, texts=False)
    assert [f">c{n}<" in html for n in range(40)] == [n >= 28 for n in range(40)]
    assert html.index(">c39<") < html.index(">c28<")
    assert "40 events" in html


def test_the_chart_is_an_image_with_a_bar_for_each_second(feed: Feed, sandbox: Sandbox) -> None:
    """Its source is SVG that a parser takes."""
    for n in range(7):
        sandbox.publish("a", {"n": n})
    feed.wait(7, timeout=5)
    html = picture_html(feed, texts=False)
    source = html.partition("base64,")[2].partition("'")[0]
    chart = ET.fromstring(b64decode(source))
    assert chart.findall(f".//{SVG}rect")


def test_the_bars_are_as_high_as_their_events() -> None:
    """The highest fills the chart; the axis names it, and the first and the last second."""
    chart = ET.fromstring(chart_svg([(1_000_000_000, 2), (1_000_000_299, 2_000)]))
    low, high = (float(bar.get("height", "")) for bar in chart.findall(f".//{SVG}rect"))
    assert (low, high) == (0.1, 80.0)
    texts = [text.text for text in chart.findall(f".//{SVG}text")]
    assert texts == ["2\u202f000/s", "01:46:40", "01:51:39 UTC"]


def test_without_a_kernel_there_is_no_output_to_keep(feed: Feed) -> None:
    """As in a terminal; the panel puts the picture into its own bundle."""
    picture = SavedPicture(feed, texts=False)
    assert not picture.show()
    picture.update()
    picture.remove()
