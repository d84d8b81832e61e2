"""Where the server of a data folder can be reached, and the secret that its own machine may use.

The file is the server's while it runs: readable by its owner only, written whole, removed by whoever takes
the folder's lock next.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from roost.errors import Forbidden

SERVER_FILE = "server.json"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """`url` is the server's on this machine. Its repr holds no secret."""

    url: str
    secret: str

    def __repr__(self) -> str:
        return f"ServerAddress({self.url!r})"


def write_server_file(data_dir: Path, address: ServerAddress) -> None:
    partial = data_dir / f"{SERVER_FILE}.partial"
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"url": address.url, "secret": address.secret, "pid": os.getpid()}, file)
    partial.replace(data_dir / SERVER_FILE)


def read_server_file(data_dir: Path) -> ServerAddress | None:
    """None when no server has left one. Raises Forbidden when it is another user's."""
    path = data_dir / SERVER_FILE
    try:
        stored = json.loads(path.read_text("utf-8"))
        return ServerAddress(str(stored["url"]), str(stored["secret"]))
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise Forbidden(
            f"{path} is another user's. Run this command as the user that runs Roost, "
            "or use --server with an API key."
        ) from error
    except (ValueError, KeyError, TypeError, OSError):
        return None


def remove_server_file(data_dir: Path) -> None:
    (data_dir / SERVER_FILE).unlink(missing_ok=True)
