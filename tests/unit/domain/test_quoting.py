"""Quoted passages: the answer without a model."""

from roost.domain.citations import Sources
from roost.domain.documents import Passage
from roost.domain.quoting import excerpt_of, highlighted, made_plain, quoted_answer, terms_of


def passage(n: int, text: str) -> Passage:
    return Passage(f"id{n}", "source", f"https://d/{n}", f"Page {n}", "Part", text, 0.9)


def test_the_best_three_passages_stand_under_their_titles_with_their_numbers() -> None:
    sources = Sources.of([passage(n, f"Deploy step {n}.") for n in range(1, 6)])
    text, citations = quoted_answer("How do I deploy?", sources, "From the docs:")
    assert [each.n for each in citations] == [1, 2, 3]
    assert text.startswith("From the docs:\n\n**Page 1 > Part** [1]\n\n**Deploy** step 1.")
    assert "[3]" in text
    assert "[4]" not in text


def test_an_excerpt_ends_where_a_sentence_ends_and_holds_what_was_asked() -> None:
    filler = " ".join(f"Sentence number {n} says little." for n in range(40))
    text = f"{filler}\n\nThe token is rotated by BotFather. It takes a minute.\n\n{filler}"
    excerpt = excerpt_of(text, terms_of("rotate token BotFather"), 300)
    assert "The token is rotated by BotFather." in excerpt
    assert len(excerpt) <= 300
    assert excerpt.endswith(".")


def test_code_is_cut_between_lines_and_stays_fenced() -> None:
    code = "```sh\n" + "\n".join(f"run --step {n} --with-a-long-flag" for n in range(60)) + "\n```"
    excerpt = excerpt_of(code, terms_of("step"), 400)
    assert excerpt.startswith("```sh\n")
    assert excerpt.endswith("\n```")
    assert all(line.startswith("run --step") for line in excerpt.splitlines()[1:-1])


def test_terms_are_bold_in_prose_and_untouched_in_code() -> None:
    text, _ = quoted_answer(
        "install roost",
        Sources.of([passage(1, "Install it.\n\n```\npip install roost\n```\n\nRun `roost` now.")]),
        "Quoted:",
    )
    assert "**Install** it." in text
    assert "```\npip install roost\n```" in text
    assert "Run `roost` now." in text


def test_a_page_cannot_bring_links_images_or_numbers_of_its_own() -> None:
    plain = made_plain("## Start\n\n![p](https://evil/?q=1) See [docs](https://evil) and note [7].")
    assert plain == "**Start**\n\np See docs and note."


def test_words_that_only_say_how_one_asks_are_not_bold() -> None:
    terms = terms_of("What do I need to do so that my bot will always make use of the widget with this?")
    assert terms == {"bot", "widget"}
    shown = highlighted("Then the bot will make use of it, so that this widget does what you need.", terms)
    assert shown == "Then the **bot** will make use of it, so that this **widget** does what you need."
