"""Runs the checks that are named, or all of them: python -m scripts.checks [PART ...] [pytest's arguments]

Each prints a headline, its output and its time; a summary ends the run, which fails when any check did.
Checks without a suite of tests run side by side, the suites one after the other. Where CI is set in the
environment, a check that cannot run is a failure; on a person's machine it is skipped aloud.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scripts import prepare

REPOSITORY = prepare.REPOSITORY
IN_CI = bool(os.environ.get("CI"))
WORKERS = 2
PYTHON = sys.executable
PASSED, FAILED, SKIPPED = "passed", "FAILED", "skipped"
NO_TESTS_COLLECTED = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    name: str
    state: str
    seconds: float
    note: str = ""

    def line(self) -> str:
        return f"  {self.name:<12} {self.state:<8} {self.seconds:6.1f} s  {self.note}".rstrip()


@dataclass(frozen=True, slots=True)
class Check:
    """A command. `needs` are parts of scripts/prepare.py; `missing` says why it cannot run, or None."""

    name: str
    command: tuple[str, ...]
    folder: Path = REPOSITORY
    needs: tuple[str, ...] = ()
    suite: bool = False
    missing: Callable[[], str | None] = lambda: None


def module(name: str, *arguments: str) -> tuple[str, ...]:
    return (PYTHON, "-m", name, *arguments)


def no_tests_in(suite: str) -> str | None:
    folder = REPOSITORY / "tests" / suite
    return None if any(folder.rglob("test_*.py")) else f"tests/{suite} holds no tests"


def no_browser() -> str | None:
    if prepare.find_browser():
        return None
    return "no chromium on PATH: tests that need one are skipped; install chromium to run them"


def suite(name: str, *, needs: tuple[str, ...], dist: str = "load") -> Check:
    command = module("pytest", f"tests/{name}", "-q", "-n", str(WORKERS), "--dist", dist)
    return Check(name, command, needs=needs, suite=True, missing=lambda: no_tests_in(name))


FRONTEND = prepare.FRONTEND
IMPORT_LINTER = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
CHECKS = (
    Check("locks", (PYTHON, "scripts/lock.py", "--check")),
    Check("format", module("ruff", "format", "--check", ".")),
    Check("lint", module("ruff", "check", ".")),
    Check("layers", (PYTHON, "-c", IMPORT_LINTER, "--no-logo")),
    Check("types", module("mypy")),
    Check("page-check", ("npm", "run", "--silent", "check"), FRONTEND, needs=("node",)),
    Check("page-test", ("npm", "run", "--silent", "test"), FRONTEND, needs=("node",)),
    suite("unit", needs=("model",)),
    suite("contract", needs=("model", "frontend")),
    suite("integration", needs=("model", "frontend")),
    # A file's tests stay together: they share its browser.
    suite("e2e", needs=("model", "frontend", "browser"), dist="loadfile"),
)


def environment(needs: set[str]) -> dict[str, str]:
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY / "cloud" / "backend")}
    return {**env, **prepare.prepare_node_modules()} if "node" in needs else env


def headline(text: str) -> None:
    print(f"\n== {text}", flush=True)


def cannot_run(check: Check, why: str) -> Outcome:
    headline(check.name)
    print(why, flush=True)
    return Outcome(check.name, FAILED if IN_CI else SKIPPED, 0, why)


def run(check: Check, arguments: list[str], env: dict[str, str], *, aloud: bool) -> Outcome:
    """One check. Aloud, its output appears as it comes; else when it is over, so that two do not mix."""
    why = check.missing()
    if why:
        return cannot_run(check, why)
    if aloud:
        headline(check.name)
    command = [*check.command, *(arguments if check.suite else [])]
    began = time.monotonic()
    done = subprocess.run(
        command,
        cwd=check.folder,
        env=env if aloud else {**env, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=None if aloud else subprocess.PIPE,
        stderr=None if aloud else subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    seconds = time.monotonic() - began
    if not aloud:
        print(f"\n== {check.name} ({seconds:.1f} s)\n{done.stdout}".rstrip(), flush=True)
    note = "no test was chosen" if check.suite and done.returncode == NO_TESTS_COLLECTED else ""
    return Outcome(check.name, FAILED if done.returncode else PASSED, seconds, note)


def run_all(checks: list[Check], arguments: list[str]) -> list[Outcome]:
    env = environment({need for check in checks for need in check.needs})
    quiet = [check for check in checks if not check.suite]
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        outcomes = list(pool.map(lambda check: run(check, arguments, env, aloud=False), quiet))
    for check in checks:
        if check.suite:
            outcomes.append(run(check, arguments, env, aloud=True))
            if check.name == "e2e" and (why := no_browser()):
                outcomes.append(cannot_run(Check("browser", ()), why))
    return outcomes


def chosen(arguments: list[str]) -> tuple[list[Check], list[str]]:
    """The checks that the leading arguments name, all when they name none, and the rest for pytest."""
    by_name = {check.name: check for check in CHECKS}
    names = []
    while arguments and arguments[0] in by_name:
        names.append(arguments[0])
        arguments = arguments[1:]
    if arguments and not arguments[0].startswith("-") and not Path(arguments[0].split("::")[0]).exists():
        raise SystemExit(f"There is no check {arguments[0]!r}. There are: {', '.join(by_name)}.")
    if arguments[:1] == ["--"]:
        arguments = arguments[1:]
    return [by_name[name] for name in names] or list(CHECKS), arguments


def main() -> int:
    began = time.monotonic()
    checks, arguments = chosen(sys.argv[1:])
    try:
        prepare.prepare(sorted({need for check in checks for need in check.needs} - {"node"}))
        outcomes = run_all(checks, arguments)
    except prepare.CannotPrepareError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    headline(f"summary, {time.monotonic() - began:.0f} s")
    for outcome in outcomes:
        print(outcome.line())
    return 1 if any(outcome.state == FAILED for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
