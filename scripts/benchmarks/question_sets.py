"""Questions with the passages that answer them: two public sets, where they lie beside the repository, the
manual's own, and short ones on the documentation that every npm brings along.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from roost.domain.documents import ExtractedPage, Section
from roost.knowledge.manual_pages import MANUAL_PREFIX, manual_pages
from roost.knowledge.markdown_pages import markdown_sections

QUESTIONS = Path(__file__).resolve().parents[2] / "tests" / "data"
MANUAL_QUESTIONS = QUESTIONS / "manual_questions.json"


@dataclass(frozen=True, slots=True)
class Question:
    """`gold` are addresses with their anchors; `previous` is the person's turn before."""

    text: str
    gold: frozenset[str]
    previous: str | None = None


@dataclass(frozen=True, slots=True)
class QuestionSet:
    name: str
    pages: tuple[ExtractedPage, ...]
    questions: tuple[Question, ...]
    off_domain: tuple[str, ...] = ()
    by_page: bool = False
    """Whether `gold` are whole pages, without anchors."""


def manual_set() -> QuestionSet:
    """Roost's manual with natural questions and questions that no manual of this kind answers."""
    content = json.loads(MANUAL_QUESTIONS.read_text("utf-8"))
    return QuestionSet(
        name="manual",
        pages=tuple(manual_pages()),
        questions=tuple(
            Question(entry["question"], frozenset(MANUAL_PREFIX + place for place in entry["expected"]))
            for entry in content["questions"]
        ),
        off_domain=tuple(content["off_domain"]),
    )


def npm_set() -> QuestionSet | None:
    """Short questions on the pages that npm installs beside itself; None where there is no npm."""
    program = shutil.which("npm")
    folder = Path(program).resolve().parents[1] / "docs" / "content" if program else None
    if folder is None or not folder.is_dir():
        return None
    pages = []
    for path in sorted(folder.rglob("*.md")):
        text = path.read_text("utf-8")
        title = next((line[7:] for line in text.splitlines()[:10] if line.startswith("title: ")), path.stem)
        url = path.relative_to(folder).with_suffix("").as_posix()
        pages.append(ExtractedPage(url, title, markdown_sections(text), ()))
    there = {page.url for page in pages}
    content = json.loads((QUESTIONS / "npm_questions.json").read_text("utf-8"))
    questions = (Question(entry["question"], frozenset(entry["expected"])) for entry in content["questions"])
    return QuestionSet(
        name="npm",
        pages=tuple(pages),
        questions=tuple(question for question in questions if question.gold & there),
        off_domain=manual_set().off_domain,
        by_page=True,
    )


def documentation_set(folder: Path, off_domain: Sequence[str]) -> QuestionSet:
    """Sections of a product's documentation (MIT), put together into pages, with 100 questions."""
    by_page: dict[str, list[Section]] = {}
    for entry in json.loads((folder / "anthropic_docs.json").read_text("utf-8")):
        url, _, anchor = entry["chunk_link"].partition("#")
        heading = entry["chunk_heading"]
        by_page.setdefault(url, []).append(
            Section(2, heading, anchor, entry["text"].removeprefix(heading).strip())
        )
    questions = json.loads((folder / "docs_evaluation_dataset.json").read_text("utf-8"))
    return QuestionSet(
        name="documentation",
        pages=tuple(
            ExtractedPage(
                url, url.rstrip("/").rsplit("/", 1)[-1].replace("-", " ").title(), tuple(sections), ()
            )
            for url, sections in by_page.items()
        ),
        questions=tuple(
            Question(entry["question"], frozenset(entry["correct_chunks"])) for entry in questions
        ),
        off_domain=tuple(off_domain),
    )


def conversation_set(folder: Path) -> QuestionSet:
    """MTRAG-UN (Apache-2.0): the last turn of each conversation that has gold passages, with the turn before
    it.
    """
    gold: dict[str, set[str]] = {}
    for path in sorted(folder.glob("qrels_*.tsv")):
        for line in path.read_text("utf-8").splitlines()[1:]:
            task, passage, _ = line.split("\t")
            gold.setdefault(task, set()).add(passage)
    pages: dict[str, ExtractedPage] = {}
    questions = []
    with (folder / "reference.jsonl").open(encoding="utf-8") as lines:
        for task in map(json.loads, lines):
            for passage in task["contexts"]:
                name = passage["document_id"]
                body = Section(0, "", None, passage["text"])
                pages[name] = ExtractedPage(name, passage.get("title") or "", (body,), ())
            if task["task_id"] in gold:
                turns = [turn["text"] for turn in task["input"] if turn["speaker"] == "user"]
                questions.append(
                    Question(
                        turns[-1], frozenset(gold[task["task_id"]]), turns[-2] if len(turns) > 1 else None
                    )
                )
    return QuestionSet("conversations", tuple(pages.values()), tuple(questions))


def public_sets(folder: Path) -> list[QuestionSet]:
    """The public sets that lie in `folder`; foreign questions for the documentation are the manual set's."""
    found = []
    if (folder / "anthropic_docs").is_dir():
        found.append(documentation_set(folder / "anthropic_docs", manual_set().off_domain))
    if (folder / "mtragun").is_dir():
        found.append(conversation_set(folder / "mtragun"))
    return found
