"""What a person typed to name a thing, and the one thing it names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roost.errors import InvalidInput, NotFound

SHORTEST_TAIL = 4


def find_one(
    items: Sequence[dict[str, Any]], wanted: str, fields: Sequence[str], what: str, listing: str
) -> dict[str, Any]:
    """The item one of whose `fields` is `wanted`, in any case and without an @; or whose id ends with it.

    Raises NotFound, and InvalidInput when several are meant.
    """
    sought = wanted.strip().removeprefix("@").casefold()
    for field in fields:
        exact = [item for item in items if str(item[field] or "").casefold() == sought]
        if exact:
            return _only(exact, wanted, what, listing)
    tails = [item for item in items if len(sought) >= SHORTEST_TAIL and str(item["id"]).endswith(sought)]
    if tails:
        return _only(tails, wanted, what, listing)
    raise NotFound(f"There is no {what} {wanted!r}. `{listing}` shows what there is.")


def _only(found: Sequence[dict[str, Any]], wanted: str, what: str, listing: str) -> dict[str, Any]:
    if len(found) > 1:
        raise InvalidInput(
            f"{wanted!r} names {len(found)} {what}s. Use the id that `{listing}` shows.", code="ambiguous"
        )
    return found[0]
