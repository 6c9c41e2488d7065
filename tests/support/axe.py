"""axe-core, from npm, in the page of a notebook: what it finds wrong with the panel."""

import shutil
from typing import Any

from tests.support.lab_page import LabPage
from tests.support.node import cannot_run, node_modules

__all__ = ["find_serious", "load_axe"]

_RUN = """async (panel) => {
    const found = await axe.run(panel, { resultTypes: ['violations'] });
    return found.violations.map(({ id, impact, nodes }) =>
        ({ id, impact, nodes: nodes.map((node) => node.html.slice(0, 200)) }));
}"""


def load_axe(tab: LabPage) -> None:
    """Load axe-core into the page; skips where there is no npm."""
    if shutil.which("npm") is None:
        cannot_run("npm is not installed")
    tab.page.evaluate((node_modules() / "axe-core" / "axe.min.js").read_text())


def find_serious(tab: LabPage) -> list[dict[str, Any]]:
    """Return the findings of the two upper grades in the panel."""
    findings = tab.page.locator(".bxp").first.evaluate(_RUN)
    return [found for found in findings if found["impact"] in {"serious", "critical"}]
