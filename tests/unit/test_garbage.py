"""The collector's long rounds, and what is set aside after one."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from roost.garbage import ShortCollections


class Node:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def every_round_is_long() -> Iterator[ShortCollections]:
    collections = ShortCollections(long_s=0.0)
    collections.start()
    yield collections
    collections.stop()


def test_what_survives_a_long_collection_is_not_walked_again(every_round_is_long: ShortCollections) -> None:
    kept = Node()
    gc.collect()
    assert gc.get_freeze_count() > 0
    assert all(each is not kept for each in gc.get_objects())


def test_a_short_collection_sets_nothing_aside() -> None:
    collections = ShortCollections(long_s=3_600.0)
    collections.start()
    gc.collect()
    assert gc.get_freeze_count() == 0
    collections.stop()


def test_garbage_is_collected_before_anything_is_set_aside(every_round_is_long: ShortCollections) -> None:
    gone = weakref.ref(Node())
    gc.collect()
    assert gone() is None


def test_what_became_garbage_since_goes_with_the_next_thaw(every_round_is_long: ShortCollections) -> None:
    node = Node()
    gone = weakref.ref(node)
    gc.collect()
    del node
    gc.collect()
    assert gone() is not None
    assert every_round_is_long.thaw() > 0
    assert gone() is None


def test_stopped_it_leaves_the_collector_as_it_was() -> None:
    before = list(gc.callbacks)
    collections = ShortCollections(long_s=0.0)
    collections.stop()
    collections.start()
    gc.collect()
    collections.stop()
    assert (gc.callbacks, gc.get_freeze_count()) == (before, 0)
