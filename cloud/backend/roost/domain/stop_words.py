"""Words that say nothing about what is asked."""

from __future__ import annotations

# Words that say how one asks, not what about. Names, numbers and nouns never stand here.
STOP_WORDS = frozenset(
    """
    a about also am an and any are as at be been but by can could did do does for from get had has have
    he hello her hi him his how i if in into is it its just let me more my no not of on or our please s
    she should so some t tell than thank thanks that the their them then there these they this those to
    too up us was we were what when where which who whom why will with would you your
    """.split()  # noqa: SIM905 - sixty quoted words are no easier to read
)
