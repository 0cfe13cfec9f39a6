"""Every regular expression of the program, tried with texts made to stall it.

`python -m tests.regular_expressions` is killed if the work grows faster than the text. The texts
are made of each pattern's own parts, so that a new expression is covered automatically.
"""

from __future__ import annotations

import ast
import re
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from re import _parser as parser
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
READS = ("compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer")
LENGTH = 100_000  # characters: a quadratic expression takes minutes for them, a linear one no time
MOST_WORK = 60  # CPU seconds for all of it, which takes about five
OUR_OWN = ("apps/integrations/github/documents.py",)  # reads only the program's own queries
MANY = 8  # from this many repetitions on, a part counts as unbounded


@dataclass(frozen=True)
class Expression:
    """A regular expression and its location."""

    place: str
    pattern: str
    flags: int
    is_anchored: bool  # whether texts are only matched from their beginning


def expressions(*folders: str) -> Iterator[Expression]:
    """Those of the program's code. Raises if one is not a literal."""
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        if "tests" not in path.parts:
            yield from _in_file(path)


def _in_file(path: Path) -> Iterator[Expression]:
    source = path.read_text()
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func) in _CALLS):
            continue
        place = f"{path.relative_to(ROOT)}:{node.lineno}"
        try:
            pattern = ast.literal_eval(node.args[0])
        except ValueError:
            raise AssertionError(f"{place}: the pattern depends on what is not code") from None
        is_anchored = not {"search", "sub", "subn", "split", "findall", "finditer"} & _uses(
            node, source
        )
        yield Expression(place, pattern, _flags(node), is_anchored)


def _uses(node: ast.Call, source: str) -> set[str]:
    """How it is used: by the call itself, or by the name that it is assigned to."""
    method = ast.unparse(node.func).removeprefix("re.")
    if method != "compile":
        return {method}
    line = source.splitlines()[node.lineno - 1]
    name = re.match(r"\s*(\w+)(?:: [^=]+)? = ", line)
    return set(re.findall(rf"\b{name[1]}\.(\w+)\b", source)) if name else {"search"}


def _flags(node: ast.Call) -> int:
    given = [*node.args[1:], *(each.value for each in node.keywords if each.arg == "flags")]
    found = [ast.unparse(each) for each in given]
    return sum(int(eval(text, {"re": re})) for text in found if text.startswith("re."))


_CALLS = {f"re.{name}" for name in READS} | {"RegexValidator", "validators.RegexValidator"}


def hostile(expression: Expression) -> Iterator[str]:
    """Long texts that the expression may begin to match in many ways, and does not match."""
    tree = list(parser.parse(expression.pattern, expression.flags))
    for before, part in _repeated(tree):
        for unit in {part, before + part, before}:
            if unit:
                yield before + unit * (LENGTH // len(unit)) + "\n\0!"
                yield unit * (LENGTH // len(unit))


def _repeated(tree: list[Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Samples of each unbounded part, and of what precedes it."""
    yield before, ""
    for kind, value in tree:
        name = str(kind)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, inner = value
            if most > MANY:
                yield before, _sample(list(inner))
            yield from _repeated(list(inner), before)
            before += _sample(list(inner)) * max(1, min(least, MANY))
            continue
        for branch in _inside(name, value):
            yield from _repeated(branch, before)
        before += _sample([(kind, value)])
    yield "", before


def _inside(name: str, value: Any) -> list[list[Any]]:
    match name:
        case "BRANCH":
            return [list(branch) for branch in value[1]]
        case "SUBPATTERN":
            return [list(value[3])]
        case "ASSERT" | "ASSERT_NOT":
            return [list(value[1])]
        case "ATOMIC_GROUP":
            return [list(value)]
    return []


def _sample(tree: list[Any]) -> str:
    """A text that matches, or nearly."""
    found = ""
    for kind, value in tree:
        match str(kind):
            case "LITERAL":
                found += chr(value)
            case "NOT_LITERAL":
                found += "b" if chr(value) == "a" else "a"
            case "ANY":
                found += "a"
            case "IN":
                found += _member(value)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                found += _sample(list(value[2])) * max(1, value[0])
            case "BRANCH" | "SUBPATTERN" | "ATOMIC_GROUP" as name:
                found += _sample(_inside(name, value)[0])
    return found


def _member(tree: list[Any]) -> str:
    """A character of a class."""
    letters = [*"a1 -/.:=\n", *map(chr, range(33, 127))]
    pattern = re.compile(f"[{''.join(map(_written, tree))}]")
    return next((letter for letter in letters if pattern.match(letter)), "a")


def _written(item: tuple[Any, Any]) -> str:
    kind, value = str(item[0]), item[1]
    if kind == "NEGATE":
        return "^"
    if kind == "RANGE":
        return "-".join(f"\\U{code:08x}" for code in value)
    if kind == "CATEGORY":
        name = str(value).removeprefix("CATEGORY_")
        letter = {"DIGIT": "d", "SPACE": "s", "WORD": "w"}[name.removeprefix("NOT_")]
        return "\\" + (letter.upper() if name.startswith("NOT_") else letter)
    return f"\\U{value:08x}"


def match_hostile_texts(expression: Expression) -> None:
    """Returns soon, unless the expression is bad."""
    compiled = re.compile(expression.pattern, expression.flags)
    is_bytes = isinstance(expression.pattern, bytes)
    for written in hostile(expression):
        text: Any = written.encode() if is_bytes else written
        compiled.fullmatch(text)
        compiled.match(text)
        if not expression.is_anchored:
            compiled.sub(text[:0], text)


def main(*patterns: str) -> None:
    """Tries these patterns, or each expression of the program, with hostile texts."""
    work = 2 if patterns else MOST_WORK
    resource.setrlimit(resource.RLIMIT_CPU, (work, work))
    found = [Expression(text, text, 0, is_anchored=False) for text in patterns]
    for expression in found or expressions("apps", "tformance"):
        sys.stdout.write(f"{expression.place}\n")
        sys.stdout.flush()
        if not expression.place.startswith(OUR_OWN):
            match_hostile_texts(expression)


if __name__ == "__main__":
    main(*sys.argv[1:])
