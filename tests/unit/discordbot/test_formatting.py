"""Answers as Discord shows them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from roost.discordbot.formatting import MESSAGE_LIMIT, answer_parts, growing_part, parts, to_discord
from roost.domain.answers import Answer, Citation
from roost.domain.message_splitting import utf16_length

CITED = Citation(1, "Perches", "https://docs.test/perch#how", "")


def test_numbers_lead_to_their_pages_and_no_other_link_does() -> None:
    shown = to_discord(
        "See [1], [2], [here](https://docs.test/perch) and [there](https://evil.test).", [CITED]
    )
    assert shown == (
        "See [[1]](<https://docs.test/perch#how>), [2], [here](<https://docs.test/perch>) and there."
    )


def test_nothing_in_an_answer_is_a_mention() -> None:
    shown = to_discord("<@1> <#2> </ask:3> <:bird:4> <a:b:5> <t:6> <https://docs.test> a < b")
    assert not re.search(r"<[@#/:at]", shown.replace("<https", ""))
    assert shown.endswith("a < b")


def test_code_stays_code_and_its_fence_is_closed() -> None:
    shown = to_discord("~~~python title\nx = [1]\n```\n~~~\nafter [1]", [CITED])
    assert shown.startswith("```python\nx = [1]\n`\u200b``\n```\nafter [[1]](<")
    assert to_discord("```sh\nls").endswith("\n```")
    assert to_discord("`[1]` <@1>", [CITED]) == "`[1]` <\u200b@1>"


def test_deep_headings_are_bold_and_others_stay() -> None:
    assert to_discord("# One\n#### **Four** ##") == "# One\n**Four**"


def test_a_pages_name_cannot_break_out_of_its_link() -> None:
    named = Citation(1, "a](https://evil.test) **b** [c", "https://docs.test/(x)>y z", "")
    answer = Answer("Yes [1].", (named,), (), refused=False, model=None, notice=None, tokens_used=0)
    last = answer_parts(answer)[-1]
    assert "](https://evil" not in last
    assert "(<https://docs.test/(x)%3Ey%20z>)" in last or "docs.test" not in last.split("\n")[-1]


def test_twenty_sources_with_long_addresses_fit() -> None:
    cited = tuple(
        Citation(n, f"Page {n} " * 20, f"https://docs.test/{'deep/' * 30}{n}", "") for n in range(1, 21)
    )
    text = " ".join(f"[{n}]" for n in range(1, 21))
    made = answer_parts(Answer(text, cited, (), refused=False, model=None, notice=None, tokens_used=0))
    assert all(utf16_length(part) <= MESSAGE_LIMIT for part in made)
    assert all(f"https://docs.test/{'deep/' * 30}{n}>" in "".join(made) for n in range(1, 21))


def test_only_what_is_dense_with_links_is_cut_into_smaller_messages() -> None:
    prose = "A sentence that says something.\n\n" * 50
    dense = "A word [1]. " * 100
    assert len(parts(prose, [CITED])) == 1
    made = parts(f"{prose}\n\n{dense}", [CITED])
    assert len(made) <= 6
    assert made[0].count("sentence") > 40
    assert "".join(made).count("[[1]](<") == 100


@given(st.text(alphabet="ab [1](<>)`~*_#\n🦜\u200d@&", max_size=6_000))
def test_every_part_of_whatever_text_is_within_the_limit(text: str) -> None:
    for part in parts(text or "x", [CITED]):
        assert part.strip()
        assert utf16_length(part) <= MESSAGE_LIMIT
    assert utf16_length(growing_part(text, [CITED])) <= MESSAGE_LIMIT


TABLE = "| Plan | Price |\n|---|--:|\n| **Free** [1] | 0 |"


def test_a_table_is_aligned_and_its_sources_stay_reachable() -> None:
    (part,) = answer_parts(Answer(TABLE, (CITED,), (), refused=False, model=None, notice=None, tokens_used=0))
    block, _, sources = part.partition("\n```\n")
    assert block == "```\nPlan      Price\n--------  -----\nFree [1]      0"
    assert "[Perches](<https://docs.test/perch#how>)" in sources


def test_a_wide_table_is_told_row_by_row_with_its_links() -> None:
    (part,) = parts(f"{TABLE}\n| {'long ' * 15}| 1 |", [CITED])
    assert part.startswith("Plan: **Free** [[1]](<https://docs.test/perch#how>)\nPrice: 0\n\n")


def test_a_table_grows_as_a_table_and_each_message_of_a_long_one_is_a_block() -> None:
    table = "| A | B |\n|---|---|\n" + "\n".join(f"| row {n} | {'x' * 20} |" for n in range(300))
    assert growing_part(table, []).endswith("\n``` …")
    made = parts(table)
    assert len(made) > 3
    assert all(part.startswith("```\n") and part.endswith("\n```") for part in made)
