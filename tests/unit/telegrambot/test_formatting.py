from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.domain.answers import Answer, Citation
from roost.domain.message_splitting import utf16_length
from roost.telegrambot.formatting import (
    ENTITIES_AT_MOST,
    MARKUP_LIMIT,
    MESSAGE_LIMIT,
    Part,
    answer_parts,
    parts,
    to_html,
    to_plain,
)
from tests.fakes.fake_telegram import ApiError, shown_text

DOCS = Citation(1, "Leases", "https://docs.example/leases#ttl", "passage")


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("**bold** and *slanted* and ~~gone~~", "<b>bold</b> and <i>slanted</i> and <s>gone</s>"),
        ("snake_case_name and 2 * 3 * 4", "snake_case_name and 2 * 3 * 4"),
        ("`a<b>`", "<code>a&lt;b&gt;</code>"),
        ("## A **strong** heading", "<b>A strong heading</b>"),
        ("- item\n* item", "• item\n• item"),
        ("> quoted\n> twice\nafter", "<blockquote>quoted\ntwice</blockquote>\nafter"),
        ("```sh\nls <dir>\n```", '<pre><code class="language-sh">ls &lt;dir&gt;</code></pre>'),
        ("```\nunfinished", "<pre>unfinished</pre>"),
        (r"\*not bold\*", "*not bold*"),
        ("see [1] and [2]", 'see <a href="https://docs.example/leases#ttl">[1]</a> and [2]'),
        ("*slanted [1]*", '<i>slanted <a href="https://docs.example/leases#ttl">[1]</a></i>'),
        ("``a ` b``", "<code>a ` b</code>"),
        ("```\na\n``` b\nc\n```", "<pre>a\n``` b\nc</pre>"),
        ("[here](https://docs.example/leases)", '<a href="https://docs.example/leases">here</a>'),
    ],
)
def test_markdown_becomes_telegrams_html(markdown: str, shown: str) -> None:
    assert to_html(markdown, (DOCS,)) == shown


@pytest.mark.parametrize(
    "markdown",
    [
        "[x](javascript:alert(1))",
        "[x](https://evil.example/?q=1)",
        "![x](https://evil.example/pixel.png)",
        "[x](tg://user?id=1)",
        "<a href='https://evil.example'>x</a>",
        '[x](https://docs.example/leases#ttl"onclick=)',
    ],
)
def test_only_links_of_the_sources_stay_links(markdown: str) -> None:
    assert "<a" not in to_html(markdown, (DOCS,))


@pytest.mark.parametrize(
    "linked", ["evil.example/?q=a&b=c", "evil.example", "me@evil.example", "@admin", "a.md:1"]
)
def test_what_telegram_would_link_by_itself_stands_as_code(linked: str) -> None:
    shown = f"<code>{linked.replace('&', '&amp;')}</code>"
    for around in ("Ask {}, now.", "**Ask {}.**", "*{}* it is", "({})", "- {}"):
        assert shown in to_html(around.format(linked))


def test_words_that_telegram_does_not_link_stay_words() -> None:
    words = "Use /start, i.e. v1.2.3 or 3.5; 5 @ 2. The U.S. price@ is #1."
    assert to_html(words) == words
    assert to_html("[docs.example](https://docs.example/leases)", (DOCS,)).count("code") == 0


def test_a_source_with_another_scheme_is_no_link() -> None:
    assert "<a" not in to_html("[1]", (Citation(1, "t", "javascript:alert(1)", "p"),))


def refusal_of(html: str) -> str | None:
    try:
        shown_text({"text": html, "parse_mode": "HTML"})
    except ApiError as error:
        return error.description
    return None


@given(st.text(alphabet="ab *_`~[]()<>&#>-\n\\!1:/.@?🦜", max_size=400))
def test_whatever_is_written_telegram_can_read_it(markdown: str) -> None:
    for part in parts(markdown, (DOCS,)):
        assert refusal_of(part.html) in (None, "Bad Request: message text is empty")


@given(st.lists(st.sampled_from(["&<>" * 50, "[1] " * 40, "word " * 60, "\n\n", "🦜" * 90]), max_size=60))
def test_every_message_fits_however_much_it_grows_by_escaping(pieces: list[str]) -> None:
    for part in parts("".join(pieces), (DOCS,)):
        assert refusal_of(part.html) is None
        assert utf16_length(part.html) <= MARKUP_LIMIT
        assert part.html.count("<") <= 2 * ENTITIES_AT_MOST
        assert utf16_length(part.plain) <= MESSAGE_LIMIT


def test_only_what_is_dense_with_formatting_is_cut_into_smaller_messages() -> None:
    prose = "A sentence that says **something** of it [1].\n\n" * 45
    dense = "[1] `a` " * 200
    assert len(parts(prose, (DOCS,))) == 1
    made = parts(f"{prose}\n\n{dense}", (DOCS,))
    assert len(made) <= 9
    assert sum(part.html.count("<a ") for part in made) == 245
    assert all(part.html.count("</") <= ENTITIES_AT_MOST for part in made)


@pytest.mark.parametrize("length", [300, 1_500, 9_000])
def test_long_addresses_are_cut_or_given_up_and_no_word_with_them(length: int) -> None:
    far = Citation(1, "Far", f"https://docs.example/{'x' * length}", "p")
    made = parts("Word [1]. " * 100, (far,))
    assert all(utf16_length(part.html) <= MARKUP_LIMIT for part in made)
    assert "".join(part.plain for part in made).count("Word") == 100


def test_plain_text_keeps_the_sources_addresses() -> None:
    answer = Answer("It **ends** [1].", (DOCS,), (), False, None, None, 0)
    (part,) = answer_parts(answer)
    assert part.plain == "It ends [1].\n\nSources\n[1] Leases https://docs.example/leases#ttl"
    assert Part.from_json(part.to_json()) == part


def test_a_refusals_nearest_pages_are_links() -> None:
    refusal = Answer(
        "The docs don't say.\n\n- [Leases](https://docs.example/leases#ttl)", (), (DOCS,), True, None, None, 0
    )
    (part,) = answer_parts(refusal)
    assert '<a href="https://docs.example/leases#ttl">Leases</a>' in part.html
    assert "Sources" not in part.plain


def test_a_title_cannot_break_the_list_of_sources() -> None:
    odd = Citation(1, "](https://evil) **x** <b> [2] `", "https://docs.example/a_b(c)", "p")
    (part,) = answer_parts(Answer("x", (odd,), (), False, None, None, 0))
    assert part.html.count('<a href="https://docs.example/a_b(c)">') == 2
    assert 'href="https://evil' not in part.html


def test_plain_text_of_nothing_special_is_itself() -> None:
    assert to_plain("Just words, 2 * 3.") == "Just words, 2 * 3."


TABLE = "| Plan | Price |\n|---|--:|\n| **Free** [1] | 0 |"


def test_a_table_is_aligned_and_its_sources_stay_reachable() -> None:
    (part,) = answer_parts(Answer(TABLE, (DOCS,), (), False, None, None, 0))
    block, _, sources = part.html.partition("</pre>")
    assert block == "<pre>Plan      Price\n--------  -----\nFree [1]      0"
    assert '<a href="https://docs.example/leases#ttl">Leases</a>' in sources


def test_a_wide_table_is_told_row_by_row_with_its_links() -> None:
    (part,) = parts(f"{TABLE}\n| {'long ' * 15}| 1 |", (DOCS,))
    assert part.html.startswith(
        'Plan: <b>Free</b> <a href="https://docs.example/leases#ttl">[1]</a>\nPrice: 0\n\n'
    )
    assert "|" not in part.html + part.plain


def test_a_long_table_is_a_block_in_every_message() -> None:
    rows = "\n".join(f"| row <{n}> | {'x' * 20} |" for n in range(400))
    made = parts(f"| A | B |\n|---|---|\n{rows}")
    assert len(made) > 3
    assert all(part.html.startswith("<pre>") and part.html.endswith("</pre>") for part in made)
    assert all(refusal_of(part.html) is None for part in made)


@given(st.text(alphabet="ab |-:\n`~*_[]()<>&\\!1ש日", max_size=300))
def test_whatever_table_is_written_telegram_can_read_it(rows: str) -> None:
    for part in parts(f"| h | i |\n|---|---|\n{rows}", (DOCS,)):
        assert refusal_of(part.html) in (None, "Bad Request: message text is empty")
