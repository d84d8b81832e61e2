"""Whose word counts about being ready."""

from roost.services.readiness import Readiness, Standing, State


def test_what_is_withheld_stays_so_whatever_the_start_says() -> None:
    readiness = Readiness()
    readiness.set(State.READY)
    readiness.withhold(State.STANDBY, "The bucket is away.")
    readiness.set(State.READY)
    assert readiness.standing == Standing(State.STANDBY, "The bucket is away.", reads=True)
    readiness.allow()
    assert readiness.standing.ready


def test_reads_are_answered_only_where_they_could_be_before() -> None:
    readiness = Readiness()
    readiness.withhold(State.STANDBY, "Somebody else took over.")
    assert not readiness.standing.reads
    readiness.set(State.STANDBY, "Another one is at work.", reads=True)
    readiness.allow()
    assert readiness.standing == Standing(State.STANDBY, "Another one is at work.", reads=True)
