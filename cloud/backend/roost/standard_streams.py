"""Standard input, output and errors that whoever started this process has closed."""

from __future__ import annotations

import os
import sys

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


def open_closed_streams() -> None:
    """Leads them nowhere; to be called before anything is opened. Else the next files would get their
    descriptors, databases among them, and everything that prints would write into those.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < len(_MODES):
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for number, (name, mode) in enumerate(_MODES.items()):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - for good
