"""Figures beside their targets and the peers'."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing, worded with its units; `held` is None when there is no target."""

    what: str
    measured: str
    target: str
    peers: str
    held: bool | None


def show(title: str, how: str, figures: list[Figure]) -> str:
    """A markdown table with how it was measured above it."""
    words = {True: "yes", False: "**no**", None: ""}
    lines = [
        f"### {title}",
        "",
        how,
        "",
        "| what | measured | target | holds | peers |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {f.what} | {f.measured} | {f.target} | {words[f.held]} | {f.peers} |" for f in figures]
    return "\n".join(lines) + "\n"


def quantile(values: list[float], share: float) -> float:
    """The value below which `share` of the sorted values lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
