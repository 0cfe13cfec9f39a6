"""Templates hold markup; sentences with several conditions are built in Python and tested there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEMPLATES = sorted(
    path
    for place in ("apps", "tformance")
    for path in (ROOT / place).glob("**/templates/**/*")
    if path.suffix in (".html", ".txt")
)
LONGEST_LINE, MOST_CONDITIONS = 160, 1

TAG = r"\{%.*?%\}|\{\{.*?\}\}"
COMMENT = re.compile(r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}", re.DOTALL)
ELEMENT = re.compile(rf"</?([a-z][\w-]*)((?:{TAG}|\"(?:{TAG}|[^\"])*\"|[^>\"])*)>", re.IGNORECASE)
# Elements within a sentence; a badge, a button or a menu item is not.
INLINE = {"a", "b", "code", "em", "i", "small", "span", "strong"}
ALONE = re.compile(r"badge|button|aria-current|class=\"(label|stat|truncate|value)")
BLOCK = re.compile(r"\{% (?:end)?block\b.*?%\}")
END = re.compile(r"(?<=[.?!:…])(?=\s|$)|\s·\s|\n\s*\n")
CONDITION = re.compile(r"\{% (?:if|elif) |\|(?:default|default_if_none|pluralize|yesno)\b")
WORD = re.compile(r"[A-Za-z]{2}")


def sentences(template: str) -> Iterator[str]:
    """The text of a template, cut where an element, a sentence or a list item ends."""
    standing_alone: list[bool] = []

    def cut(element: re.Match[str]) -> str:
        if element[1].lower() not in INLINE:
            return "\0"
        if not element[0].startswith("</"):
            standing_alone.append(bool(ALONE.search(element[2])))
            return "\0" if standing_alone[-1] else ""
        return "\0" if standing_alone and standing_alone.pop() else ""

    text = ELEMENT.sub(cut, COMMENT.sub("", template))
    for part in BLOCK.sub("\0", text).split("\0"):
        yield from _within(part)


def _within(part: str) -> Iterator[str]:
    sentence = ""
    for piece in re.split(f"({TAG})", part):
        first, *others = [piece] if piece.startswith("{") else END.split(piece)
        sentence += first
        for other in others:
            yield sentence
            sentence = other
    yield sentence


def conditions(sentence: str) -> int:
    """How many conditions decide what a sentence says; 0 if it has no words of its own."""
    return len(CONDITION.findall(sentence)) if WORD.search(re.sub(TAG, "", sentence)) else 0


def most_conditions(template: str) -> int:
    return max(conditions(sentence) for sentence in sentences(template))


def test_it_works() -> None:
    assert most_conditions("<p>{% if a %}Many{% endif %} <b>word{{ n|pluralize }}</b>.</p>") == 2
    assert most_conditions("<p>Word{{ n|pluralize }}. {% if a %}More.{% endif %}</p>") == 1
    assert most_conditions('<a href="{% if x %}y{% endif %}">One</a> word{{ n|pluralize }}') == 1
    badge = '<span class="badge">{% if a %}On{% endif %}</span>'
    assert most_conditions(f'<p>Bob {badge} {{{{ n|default:"none" }}}} left</p>') == 1


def test_no_sentence_has_several_conditions() -> None:
    found = [
        (str(path.relative_to(ROOT)), " ".join(sentence.split()))
        for path in TEMPLATES
        for sentence in sentences(path.read_text())
        if conditions(sentence) > MOST_CONDITIONS
    ]
    assert found == []


def test_no_line_is_too_long() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in TEMPLATES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > LONGEST_LINE
    ]
    assert TEMPLATES
    assert found == []
