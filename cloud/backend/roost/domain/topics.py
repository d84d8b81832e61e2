"""What a question is about, in a form that is the same for the same question asked in other words."""

from __future__ import annotations

import re
import unicodedata

TOPIC_LIMIT = 200

# Words that say how one asks. "not", "no" and "without" stay: they turn a question round.
_HOW_ONE_ASKS = frozenset(
    """
    a about am an and any anyone are as be been being by can cant could d did do does doing for from
    get got had has have hello help hey hi how i if im in into is it its just know let ll lot make
    me mine my need of on one or our out please possible re s set shall should so some somebody
    someone still t tell than thank thanks that the their them then there these they this those to
    too up us ve want was way we were what whats when where which who whom whose why will with would
    you your
    """.split()  # noqa: SIM905 - words are easier to read without quotes
)
_SMALL_TALK = frozenset(
    """
    afternoon all anybody anyone aloha bonjour bot bye cheers ciao cool day dear evening everyone
    goodbye good great greetings guten hallo hello hey heya hi hii hiya hola how howdy is are it
    going you doing there friend morning moin namaste nice night ok okay ola perfect please salut
    servus sup super tag team test testing thank thanks thx to ty very much welcome well yes yo you
    привет здравствуйте спасибо
    """.split()  # noqa: SIM905 - words are easier to read without quotes
)
_GREETS = frozenset(
    """
    afternoon aloha bonjour bye cheers ciao evening goodbye greetings hallo hello hey heya hi hii
    hiya hola howdy moin morning namaste ok okay ola salut servus sup test testing thank thanks thx
    ty yes yo привет здравствуйте спасибо
    """.split()  # noqa: SIM905 - words are easier to read without quotes
)
_ADDRESSED = re.compile(r"^\s*(?:/\w+(?:@\w+)?|<@!?\d+>|@\w+)(?:\s+|$)")
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHE = re.compile(r"(?<=\w)['\u2019](?=\w)")
_ENDINGS = (("ies", "y", 5), ("ing", "", 6), ("ed", "", 5), ("s", "", 4))


def topic_of(question: str) -> str:
    """The telling words of a question, in order, in their plain form: "How do I add bots?" is `add bot`.

    Where nothing tells, all words. At most 200 characters; empty for a question without a letter or number.
    """
    words = _words(question)
    telling = [word for word in words if word not in _HOW_ONE_ASKS]
    return " ".join(_plain(word) for word in (telling or words))[:TOPIC_LIMIT].rstrip()


def is_small_talk(question: str) -> bool:
    """A greeting, thanks, or signs without a word: not a question that documents could answer."""
    words = _words(question)
    if not words:
        return True
    return any(word in _GREETS for word in words) and all(word in _SMALL_TALK for word in words)


def _words(question: str) -> list[str]:
    """In lower case and one spelling, without the bot that was addressed or the command that was used."""
    text = _ADDRESSED.sub("", unicodedata.normalize("NFKC", question)).casefold()
    return _WORD.findall(_APOSTROPHE.sub("", text))


def _plain(word: str) -> str:
    """Without the commonest English endings. Words of other languages, which end otherwise, stay alike."""
    if word.endswith("ss"):
        return word
    for ending, instead, least in _ENDINGS:
        if len(word) >= least and word.endswith(ending):
            return word[: -len(ending)] + instead
    return word
