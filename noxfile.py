"""One command a chore: `nox -l` lists them, `nox` alone runs those that every commit must pass.

Chores run in the environment that nox is installed in (`pip install -e '.[test]'`). What needs
another one makes it below `.nox`, with uv. nox was chosen for this: it is Python like all the rest,
well kept, needs nothing but PyPI, and works wherever Python does; make does not.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

# Each worker of pytest would compile all tests again, and each command that a test starts the
# package: a fifth of the quick tests' time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "quick"]

QUICK = ("-n", "3", "-m", "not browser and not slow and not foreign")
"""A third of the quick tests' time is waiting, so that three workers suit two processors."""
PYTHON = sys.executable


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style of all code; `ruff check --fix` and `ruff format` mend most of it."""
    session.run(PYTHON, "-m", "ruff", "check", ".")
    session.run(PYTHON, "-m", "ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the package, its tests and this file."""
    session.run(PYTHON, "-m", "mypy")


@nox.session
def quick(session: nox.Session) -> None:
    """Run all tests but those with a browser, a foreign client or a long wait: three minutes."""
    session.run(PYTHON, "-m", "pytest", *QUICK, *session.posargs)


@nox.session
def test(session: nox.Session) -> None:
    """Run all tests, or those named after `--`: 15 minutes, with Chromium and Node."""
    session.run(PYTHON, "-m", "pytest", *session.posargs)


@nox.session
def explore(session: nox.Session) -> None:
    """Run the property tests on random examples, others each time; keep a failing one as a test."""
    files = [str(path) for path in Path("tests").rglob("test_*.py") if "@given" in path.read_text()]
    session.run(PYTHON, "-m", "pytest", "--hypothesis-profile", "default", *files)


@nox.session
def coverage(session: nox.Session) -> None:
    """Print each wing's branch coverage by the quick tests; fail below 95 % of the package."""
    session.run(PYTHON, "-m", "coverage", "erase")
    session.run(PYTHON, "-m", "coverage", "run", "-m", "pytest", *QUICK)
    session.run(PYTHON, "-m", "coverage", "combine", "--quiet")
    session.run(PYTHON, "-m", "tests.coverage_table")


@nox.session
def docs(session: nox.Session) -> None:
    """Check the documents: what they show runs, and what they name exists."""
    session.run(PYTHON, "-m", "pytest", "-n", "0", "-k", "readme or docs or examples")


@nox.session
def tutorial(session: nox.Session) -> None:
    """Run one tutorial and look at what it shows: `nox -s tutorial -- 03`."""
    (number,) = session.posargs or session.error("Which one? nox -s tutorial -- 03")
    session.run(PYTHON, "-m", "pytest", "-n", "0", "tests/test_notebooks.py", "-k", number)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure how fast it is; `nox -s bench -- --quick` for a look."""
    session.run(PYTHON, "-m", "tests.benchmarks", *session.posargs)


@nox.session
def pictures(session: nox.Session) -> None:
    """Take the README's pictures again, in five minutes."""
    session.run(PYTHON, "-m", "tests.pictures", *session.posargs)


@nox.session
def pythons(session: nox.Session) -> None:
    """Run the quick tests on every Python from 3.12 on that this machine has, or on those named."""
    wanted = session.posargs
    found = {name: path for name, path in interpreters().items() if name in (wanted or [name])}
    session.log(f"Pythons from 3.12 on: {', '.join(found) or 'none'}")
    for version, interpreter in found.items():
        python = environment(session, f"python{version}", interpreter, ".[test]")
        session.log(f"the quick tests on Python {version}")
        session.run(python, "-m", "pytest", *QUICK)


@nox.session
def lower_bounds(session: nox.Session) -> None:
    """Run the quick tests with every direct dependency at its lower bound."""
    lowest = ("--resolution", "lowest-direct", ".[test,keyring]")
    python = environment(session, "lower-bounds", PYTHON, *lowest)
    session.log("the quick tests with every direct dependency at its lower bound")
    session.run(python, "-m", "pytest", *QUICK)


@nox.session
def release(session: nox.Session) -> None:
    """Build what is published, and check the changelog and that the wheel works on its own."""
    shutil.rmtree("dist", ignore_errors=True)
    session.run(PYTHON, "-m", "uv", "build", "--quiet", "--out-dir", "dist")
    (wheel,) = Path("dist").glob("*.whl")
    version = wheel.name.split("-")[1]
    python = environment(session, "release", PYTHON, str(wheel))
    session.run(python, "-I", "-m", "bxpull_nb.cli", "--version")
    if f"\n## {version}" not in Path("CHANGELOG.md").read_text(encoding="utf-8"):
        session.error(f"CHANGELOG.md has no section {version}: head it '## {version}'.")


def environment(session: nox.Session, name: str, interpreter: str, *packages: str) -> str:
    """Make a fresh environment below `.nox`, and return its Python."""
    folder = Path(".nox", name).resolve()
    bin_folder = "Scripts" if sys.platform == "win32" else "bin"
    python = str(folder / bin_folder / "python")
    uv = (PYTHON, "-m", "uv")
    session.run(*uv, "venv", "--quiet", "--clear", "--python", interpreter, str(folder))
    session.run(*uv, "pip", "install", "--quiet", "--python", python, *packages)
    return python


def interpreters() -> dict[str, str]:
    """Return an interpreter of every version from 3.12 on: on the PATH, or among pyenv's."""
    candidates = [shutil.which(f"python3.{minor}") or "" for minor in range(12, 30)]
    if pyenv := shutil.which("pyenv"):
        root = Path(subprocess.check_output([pyenv, "root"], text=True).strip())
        candidates += sorted(map(str, root.glob("versions/3.*/bin/python")))
    found: dict[str, str] = {}
    for candidate in filter(None, candidates):
        if (version := version_of(candidate)) >= (3, 12):
            found.setdefault(".".join(map(str, version)), candidate)
    return found


def version_of(interpreter: str) -> tuple[int, ...]:
    """Return major and minor; nothing for a shim that has no interpreter."""
    code = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=False)
    return tuple(map(int, done.stdout.split()))
