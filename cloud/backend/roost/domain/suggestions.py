"""Questions that can be asked next, made from headings that the documents really have."""

from __future__ import annotations

import re

from roost.domain.citations import plain_label

HEADING_CHARS = 60
_FEWEST_LETTERS = 3

# Verbs that headings begin with: "Add a bot" is what somebody wants to do.
_TO_DO = frozenset(
    """
    add ask authenticate avoid back build cancel change check choose clean configure connect convert copy
    create customise customize debug delete deploy disable download edit embed enable export filter find fix
    get handle import inspect install integrate invite keep limit list load make manage measure migrate
    monitor move open pause pin prepare protect publish query read record register remove rename replace
    reset restart restore restrict revoke rotate run save scale schedule search secure select send serve set
    share sign
    start stop store stream switch sync test track troubleshoot turn uninstall update upgrade upload use
    verify view watch work write
    """.split()  # noqa: SIM905 - words read better than a list of strings
)
# Headings that say nothing without their page.
_DULL = re.compile(
    r"(?:more |further |next |see |quick |basic |advanced |common |full |the )*"
    r"(?:about|also|appendix|arguments?|background|behaviou?r|changelog|conclusion|contents|description|details"
    r"|documentation|docs|examples?|faqs?|features|general|help|home|index|information|introduction|links|manual"
    r"|notes?|options|output|overview|parameters|prerequisites|reading|readme|references?|related|requirements"
    r"|resources|returns?|setup|start|steps|summary|synopsis|table of contents|tips|tl;dr|topics|untitled"
    r"|usage|welcome|what.s next)",
    re.IGNORECASE,
)
_NO_WORDS = re.compile(r"https?:|www\.|\w:\w|[{}=/\\$#@]|^[\W\d_]+$")
_LETTER = re.compile(r"[^\W\d_]")


def question_about(heading: str, page: str | None = None) -> str | None:
    """A question that the text under the heading answers; None for a heading that makes none.

    `page` is its page's title, for a heading that other pages have, too.
    """
    plain = plain_label(heading).strip(" .:-")
    if not plain or len(plain) > HEADING_CHARS or len(_LETTER.findall(plain)) < _FEWEST_LETTERS:
        return None
    if _DULL.fullmatch(plain) or _NO_WORDS.search(plain):
        return None
    if page is not None:
        title = plain_label(page)
        fits = bool(title) and title != plain and len(title) <= HEADING_CHARS
        return f"What do the docs say about “{plain}” in “{title}”?" if fits else None
    if plain.endswith("?"):
        return plain
    first, _, rest = plain.partition(" ")
    if plain.lower().startswith("how to ") and len(plain) > len("how to "):
        return f"How do I {plain[len('how to ') :]}?"
    if first.lower() in _TO_DO and rest:
        return f"How do I {first.lower()} {rest}?"
    return f"What do the docs say about “{plain}”?"
