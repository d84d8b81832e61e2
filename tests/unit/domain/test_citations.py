"""A model's text, made safe and numbered while it streams."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.domain.citations import CitedText, Sources, markdown_link, nearest_pages
from roost.domain.documents import Passage


def passage(url: str, title: str = "Guide", heading: str = "", text: str = "Some text.") -> Passage:
    return Passage("id", "source", url, title, heading, text, 0.9)


THREE = Sources.of([passage("https://d/a"), passage("https://d/b"), passage("https://d/c#x")])


def cited(text: str, step: int = 10_000) -> tuple[str, list[int]]:
    stream = CitedText(THREE)
    out = "".join(stream.push(text[at : at + step]) for at in range(0, len(text), step)) + stream.finish()
    return out, stream.order


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("First [2]. Second [1]. Again [2].", "First [1]. Second [2]. Again [1]."),
        ("Nowhere [99], zero [0], far [1234].", "Nowhere, zero, far."),
        ("Doubled [1][1] and [1] [1].", "Doubled [1] and [1]."),
        ("A list [1, 3].", "A list [1][2]."),
        ("Old style 【2†source】 here.", "Old style [1] here."),
        ("Footnote[^1].", "Footnote[1]."),
        ("Half a marker [1", "Half a marker [1"),
        (
            "Code `a[1]` and\n\n```py\nx[99]\n```\n\nend [3]",
            "Code `a[1]` and\n\n```py\nx[99]\n```\n\nend [1]",
        ),
        ("See [the page](https://evil/x?q=1) now.", "See the page now."),
        ("![chart](https://evil/?q=secret) done", "chart done"),
        ("[x](javascript:alert(1)) y", "x y"),
        ("[![a](https://evil/i)](https://evil/l) z", "a z"),
        ("Go to https://evil.example/?q=1, now.", "Go to `https://evil.example/?q=1`, now."),
        ("Visit www.evil.example.", "Visit `www.evil.example`."),
        ("<javascript:alert(1)>", "< `javascript:alert(1)`>"),
        ("[1](https://evil)", "1"),
        ("[ref]: https://evil", "[ref] : `https://evil`"),
        ("Array items [a] [b] stay.", "Array items [a] [b] stay."),
        ("Two  blanks and `open code", "Two  blanks and `open code"),
        ("I use whttp and http as words: https", "I use whttp and http as words: https"),
        ("a\0b\ud800c", "a\ufffdb\ufffdc"),
        (r"Escaped \[2\] and \[99\], not \[x\] or a \ slash\\", r"Escaped [1] and, not \[x\] or a \ slash\\"),
        ("run \u202egpj.sh\u202c \u2066now\u2069", "run gpj.sh now"),
        ("<me@evil.example> <b> 1 < 2 <3", "< me@evil.example> <b> 1 < 2 <3"),
        ("steam://run/1 discord://x", "`steam://run/1` `discord://x`"),
    ],
)
@pytest.mark.parametrize("step", [10_000, 7, 1])
def test_text_comes_out_safe_and_numbered_however_it_is_cut(written: str, shown: str, step: int) -> None:
    assert cited(written, step)[0] == shown


def test_half_a_marker_is_held_back() -> None:
    stream = CitedText(THREE)
    assert stream.push("Press start [") == "Press start"
    assert stream.push("2") == ""
    assert stream.push("]") == ""
    assert stream.push(". Then") == " [1]. Then"
    assert stream.order == [2]


def test_passages_of_one_address_share_a_number() -> None:
    sources = Sources.of(
        [passage("https://d/a", text="One."), passage("https://d/b"), passage("https://d/a", text="Two.")]
    )
    assert [(each.n, each.url, each.text) for each in sources.citations] == [
        (1, "https://d/a", "One.\n\nTwo."),
        (2, "https://d/b", "Some text."),
    ]
    assert [(each.n, each.url) for each in sources.announced([2])] == [(1, "https://d/b"), (2, "https://d/a")]


def test_the_nearest_pages_are_pages_not_headings() -> None:
    pages = nearest_pages(
        [passage("https://d/a#x"), passage("https://d/a#y"), passage("https://d/b"), passage("https://d/c")]
    )
    assert [page.url for page in pages] == ["https://d/a", "https://d/b", "https://d/c"]


def test_a_title_cannot_break_out_of_its_link() -> None:
    [page] = nearest_pages([passage("https://d/a)(x", title="](javascript:alert(1)) <img onerror=x>\n[b")])
    assert markdown_link(page) == "[(javascript:alert(1)) img onerror=x b](https://d/a%29%28x)"


SIGNS = [*"[]()!`<>:/ \n12x^.~\\@", "http", "](", "https://e.x/a", "[1]", "```", "www."]
MARKUP = st.lists(st.sampled_from(SIGNS), max_size=40).map("".join)


@given(st.lists(MARKUP, max_size=6))
def test_no_link_no_image_and_no_unknown_number_leaves(pieces: list[str]) -> None:
    stream = CitedText(THREE)
    out = "".join(map(stream.push, pieces)) + stream.finish()
    whole = CitedText(THREE)
    assert (whole.push("".join(pieces)) + whole.finish()) == out
    if "`" not in "".join(pieces) and "~" not in "".join(pieces):
        assert "](" not in out
        assert "]:" not in out
        assert not re.search(r"https?://[^\s<>]", re.sub(r"`[^`]*`", "", out))
        assert {int(n) for n in re.findall(r"\[(\d+)\]", out)} <= set(range(1, len(stream.order) + 1))
