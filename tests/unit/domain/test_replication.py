"""Which copy is newer: every state of the disk and the bucket, and what becomes of it."""

from dataclasses import replace

import pytest

from roost.domain.replication import Choice, Ended, Marker, PageState, Remote, choose, choose_by_log

HERE = "gs://here"
MARKER = Marker(HERE, generation=7, sha256="aaa")
SAME = Remote(7, "aaa")
NEWER = Remote(8, "bbb")


def decide(
    *,
    exists: bool = True,
    marker: Marker | None = MARKER,
    remote: Remote | None = SAME,
    bucket_empty: bool = False,
    changed: bool = False,
) -> Choice:
    return choose(
        HERE,
        exists=exists,
        marker=marker,
        remote=remote,
        bucket_empty=bucket_empty,
        changed=lambda marker: changed,
    )


def test_the_first_start_of_all() -> None:
    assert decide(exists=False, marker=None, remote=None, bucket_empty=True) is Choice.START_EMPTY


@pytest.mark.parametrize("marker", [None, MARKER])
def test_without_a_local_file_the_buckets_is_restored(marker: Marker | None) -> None:
    assert decide(exists=False, marker=marker) is Choice.RESTORE
    assert decide(exists=False, marker=marker, remote=NEWER) is Choice.RESTORE


@pytest.mark.parametrize("changed", [False, True])
def test_where_the_bucket_stands_as_it_was_left_the_local_file_is_kept(changed: bool) -> None:
    assert decide(changed=changed) is Choice.KEEP


def test_an_upload_whose_end_was_not_seen_is_ours() -> None:
    assert decide(marker=replace(MARKER, pending_sha256="bbb"), remote=NEWER, changed=True) is Choice.KEEP


def test_a_bucket_that_was_copied_elsewhere_is_recognised_by_its_content() -> None:
    assert decide(marker=replace(MARKER, place="gs://before"), remote=Remote(99, "aaa")) is Choice.KEEP


def test_the_bucket_moved_on_alone() -> None:
    assert decide(remote=NEWER) is Choice.RESTORE


@pytest.mark.parametrize("sha256", ["bbb", None])
def test_both_changed(sha256: str | None) -> None:
    assert decide(remote=Remote(8, sha256), changed=True) is Choice.SET_ASIDE


def test_a_file_that_nobody_knows_against_a_bucket_with_data() -> None:
    assert decide(marker=None) is Choice.SET_ASIDE


def test_a_file_of_another_bucket_is_not_overwritten_even_if_unchanged() -> None:
    assert decide(marker=replace(MARKER, place="gs://other"), remote=NEWER) is Choice.SET_ASIDE
    assert decide(marker=replace(MARKER, place="gs://other"), remote=Remote(7, "ccc")) is Choice.SET_ASIDE


def test_a_file_that_nobody_knows_is_adopted_by_an_empty_bucket_only() -> None:
    assert decide(marker=None, remote=None, bucket_empty=True) is Choice.ADOPT
    assert decide(marker=None, remote=None, bucket_empty=False) is Choice.FOREIGN


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("bucket_empty", [True, False])
@pytest.mark.parametrize("marker", [MARKER, replace(MARKER, place="gs://other")])
def test_a_bucket_that_lost_what_was_shipped(exists: bool, bucket_empty: bool, marker: Marker) -> None:
    assert decide(exists=exists, marker=marker, remote=None, bucket_empty=bucket_empty) is Choice.GONE


def test_a_file_whose_first_upload_is_still_to_come() -> None:
    fresh = Marker(HERE, generation=0, sha256=None, pending_sha256="ccc")
    assert decide(marker=fresh, remote=None, bucket_empty=True) is Choice.KEEP
    assert decide(marker=fresh, remote=None, bucket_empty=False) is Choice.KEEP
    assert decide(marker=fresh, remote=Remote(1, "ccc"), changed=True) is Choice.KEEP
    assert decide(marker=fresh, remote=Remote(1, "ddd"), changed=True) is Choice.SET_ASIDE
    assert decide(exists=False, marker=fresh, remote=None, bucket_empty=True) is Choice.GONE


def test_a_first_start_that_was_ended_before_it_made_the_file_is_made_again() -> None:
    begun = Marker(HERE, generation=0, sha256=None)
    assert decide(exists=False, marker=begun, remote=None, bucket_empty=True) is Choice.START_EMPTY
    assert decide(exists=False, marker=begun, remote=None, bucket_empty=False) is Choice.FOREIGN
    assert decide(exists=False, marker=begun) is Choice.RESTORE


def test_never_empty_where_the_bucket_holds_anything() -> None:
    assert decide(exists=False, marker=None, remote=None, bucket_empty=False) is Choice.FOREIGN


FOLDER = "this folder"
BEFORE, HEAD, AHEAD = PageState(1, 10, 4096), PageState(2, 11, 4096), PageState(3, 12, 4096)
OWN = Ended(5, FOLDER, HEAD)
ANOTHERS = Ended(6, "another folder", HEAD)


def decide_by_log(
    *,
    exists: bool = True,
    marker: Marker | None = MARKER,
    ended: Ended = ANOTHERS,
    state: PageState = HEAD,
    left_at: dict[int, PageState] | None = None,
) -> Choice:
    return choose_by_log(
        HERE,
        FOLDER,
        exists=exists,
        marker=marker,
        ended=ended,
        state=lambda: state,
        left_at=(left_at or {}).get,
    )


def test_with_a_log_a_missing_file_is_restored() -> None:
    assert decide_by_log(exists=False, marker=None) is Choice.RESTORE
    assert decide_by_log(exists=False, marker=replace(MARKER, epoch=5), ended=OWN) is Choice.RESTORE


@pytest.mark.parametrize("state", [HEAD, AHEAD])
def test_the_file_of_whoever_wrote_last_is_kept_and_may_be_ahead(state: PageState) -> None:
    assert decide_by_log(marker=replace(MARKER, epoch=5), ended=OWN, state=state) is Choice.KEEP


def test_what_is_as_the_log_ends_is_kept_whoever_wrote_it() -> None:
    assert decide_by_log(marker=None) is Choice.KEEP
    assert decide_by_log(marker=replace(MARKER, epoch=5)) is Choice.KEEP


def test_what_is_as_the_next_epoch_found_it_is_replaced() -> None:
    marker = replace(MARKER, epoch=5)
    assert decide_by_log(marker=marker, state=BEFORE, left_at={5: BEFORE}) is Choice.RESTORE


@pytest.mark.parametrize(
    "marker",
    [
        None,
        MARKER,
        replace(MARKER, epoch=5),
        replace(MARKER, epoch=5, place="gs://before"),
        replace(MARKER, epoch=4),
        # The same number, written by another folder: this one was replaced before it began.
        replace(MARKER, epoch=6),
    ],
)
def test_what_nobody_followed_is_set_aside(marker: Marker | None) -> None:
    assert decide_by_log(marker=marker, state=AHEAD, left_at={5: BEFORE}) is Choice.SET_ASIDE


def test_a_file_of_another_bucket_is_not_taken_for_the_last_written() -> None:
    marker = replace(MARKER, place="gs://before", epoch=5)
    assert decide_by_log(marker=marker, ended=OWN, state=AHEAD) is Choice.SET_ASIDE


def test_a_file_that_was_shipped_to_a_log_knows_that_the_bucket_was_emptied() -> None:
    shipped = Marker(HERE, generation=0, sha256=None, epoch=3)
    assert decide(marker=shipped, remote=None, bucket_empty=True) is Choice.GONE
