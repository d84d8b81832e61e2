import io
import json

import pytest

from roost.cli.terminal import Progress, Streams, Terminal, printable, progress_line
from roost.errors import Conflict, InvalidInput


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(
    *,
    stdout: io.StringIO | None = None,
    environ: dict[str, str] | None = None,
    as_json: bool = False,
    stdin: str = "",
) -> tuple[Terminal, Streams]:
    streams = Streams(io.StringIO(stdin), stdout or io.StringIO(), io.StringIO())
    return Terminal(streams, environ or {}, as_json=as_json), streams


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    shown, streams = terminal()
    shown.table(("A", "B"), [("long cell", "1"), ("x", "two\nlines")])
    assert streams.stdout.getvalue() == "A          B\nlong cell  1\nx          two lines\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("stdout", "environ", "coloured"),
    [
        (Tty(), {}, True),
        (Tty(), {"NO_COLOR": "1"}, False),
        (Tty(), {"NO_COLOR": ""}, True),
        (Tty(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colours_are_for_a_terminal_that_wants_them(
    stdout: io.StringIO, environ: dict[str, str], coloured: bool
) -> None:
    shown, _ = terminal(stdout=stdout, environ=environ)
    assert ("\x1b[" in shown.paint("running", "good")) is coloured


def test_what_others_wrote_cannot_act_upon_a_terminal() -> None:
    assert printable("a\x1b]0;owned\x07b\u202ec\td\n") == "a]0;ownedbc\td\n"
    shown, streams = terminal(stdout=Tty())
    shown.table(("NAME",), [("\x1b[2Jgone",)])
    assert "\x1b[2J" not in streams.stdout.getvalue()  # type: ignore[attr-defined]


def test_json_is_one_document_and_leaves_notes_out() -> None:
    shown, streams = terminal(as_json=True)
    shown.note("for people")
    shown.show({"ä": 1}, lambda: shown.say("words"))
    assert json.loads(streams.stdout.getvalue()) == {"ä": 1}  # type: ignore[attr-defined]
    assert streams.stderr.getvalue() == ""  # type: ignore[attr-defined]


def test_an_error_is_one_line_or_the_shape_of_the_api() -> None:
    shown, streams = terminal()
    shown.fail(Conflict("It is there. Choose another.", code="bot_exists", field="token"))
    assert streams.stderr.getvalue() == "roost: It is there. Choose another.\n"  # type: ignore[attr-defined]
    shown, streams = terminal(as_json=True)
    shown.fail(Conflict("It is there. Choose another.", code="bot_exists", field="token"))
    assert json.loads(streams.stderr.getvalue()) == {  # type: ignore[attr-defined]
        "error": {"code": "bot_exists", "message": "It is there. Choose another.", "field": "token"}
    }


def test_progress_shows_a_bar_once_the_whole_is_known() -> None:
    assert progress_line("reading pages", 0, None) == "reading pages"
    assert progress_line("looking", 7, None) == "looking  7"
    assert progress_line("reading pages", 5, 10) == "reading pages  [############------------]  5/10"
    assert progress_line("reading pages", 12, 10).count("#") == 24


def test_progress_is_drawn_over_and_wiped_at_the_end() -> None:
    stream = Tty()
    with Progress(stream) as progress:
        progress.show("reading", 1, 2)
    drawn, wiped = stream.getvalue().split("\r")[1:3]
    assert drawn.startswith("reading  [")
    assert wiped.strip() == ""
    assert len(wiped) == len(drawn)


def test_progress_is_silent_where_nobody_watches() -> None:
    shown, streams = terminal()
    with shown.progress() as progress:
        progress.show("reading", 1, 2)
    assert streams.stderr.getvalue() == ""  # type: ignore[attr-defined]


def test_a_secret_is_the_first_line_of_standard_input() -> None:
    shown, _ = terminal(stdin="  123:abc \nmore\n")
    assert shown.ask_secret("Token") == "123:abc"
    shown, _ = terminal(stdin="")
    with pytest.raises(InvalidInput, match="Nothing was entered"):
        shown.ask_secret("Token")


def test_nothing_is_removed_unasked_where_nobody_can_answer() -> None:
    shown, _ = terminal(stdin="y\n")
    with pytest.raises(InvalidInput, match="--yes"):
        shown.confirm("Remove it?", agreed=False)
    shown.confirm("Remove it?", agreed=True)


@pytest.mark.parametrize(
    ("answer", "goes_on"), [("y\n", True), ("YES\n", True), ("\n", False), ("n\n", False)]
)
def test_a_person_is_asked_before_a_removal(answer: str, goes_on: bool) -> None:
    streams = Streams(Tty(answer), io.StringIO(), io.StringIO())
    shown = Terminal(streams, {}, as_json=False)
    if goes_on:
        shown.confirm("Remove it?", agreed=False)
    else:
        with pytest.raises(InvalidInput, match="Nothing was changed"):
            shown.confirm("Remove it?", agreed=False)


def test_letters_a_terminal_lacks_become_question_marks() -> None:
    raw = io.BytesIO()
    narrow = io.TextIOWrapper(raw, encoding="ascii")
    shown = Terminal(Streams(io.StringIO(), narrow, io.StringIO()), {}, as_json=False)
    shown.say("Größe")
    narrow.flush()
    assert raw.getvalue() == b"Gr??e\n"
