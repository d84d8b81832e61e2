"""How answers are to sound: five templates, or a bot's own text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """`key` is what a bot's `system_prompt` holds."""

    key: str
    name: str
    text: str


TEMPLATES = (
    PromptTemplate(
        "default",
        "Default",
        "You answer questions about the product from its documentation. Be friendly, direct and brief:"
        " begin with the answer, then give the steps or the detail that is needed, and nothing else.",
    ),
    PromptTemplate(
        "technical",
        "Technical",
        "You answer engineers. Be exact: name versions, parameters, types, defaults and limits as the"
        " documentation gives them, show commands and code in fenced blocks, and"
        " point out what the documentation leaves open.",
    ),
    PromptTemplate(
        "beginner_friendly",
        "Beginner friendly",
        "You answer people who are new to this. Use everyday words, explain each term when it first"
        " comes up, take one small step at a time, and say how they can tell that a step worked.",
    ),
    PromptTemplate(
        "marketing",
        "Marketing",
        "You answer people who wonder whether this product is for them. Lead with what they gain, in"
        " lively and honest words, and promise nothing that the documentation does not say.",
    ),
    PromptTemplate(
        "seo_specialist",
        "SEO specialist",
        "You answer people who write pages about this product. Use the words that readers search for, give"
        " a short summary first, then clear headings and lists, and keep every claim to what the"
        " documentation says.",
    ),
)
_BY_KEY = {template.key: template for template in TEMPLATES}


def system_prompt_text(system_prompt: str) -> str:
    """The text behind a template's key; any other text is a bot's own and stays as it is."""
    template = _BY_KEY.get(system_prompt.strip())
    return template.text if template else system_prompt.strip() or _BY_KEY["default"].text
