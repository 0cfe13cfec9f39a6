"""Each line of the table of marks: what it matches, and what it must not match."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.metrics.calculations import ai_accounts, ai_marks, marks, reduced
from apps.metrics.calculations.ai_accounts import Actor, Signature, TeamMarks
from apps.metrics.calculations.marks import CommitText, ReviewGiven, Texts

RECORDINGS = Path(__file__).resolve().parents[4] / "shared/data"
BEGIN = datetime(2026, 3, 2, 9, tzinfo=UTC)
ALICE = Actor(11, "alice", "User")
DEVIN = Actor(158243242, "devin-ai-integration", "Bot")
DEPENDABOT = Actor(49699333, "dependabot", "Bot")


def commit(
    headline: str = "Change it",
    body: str = "",
    *,
    name: str = "Alice",
    address: str = "alice@example.com",
    account: Actor = ALICE,
    sha: str = "c0",
) -> CommitText:
    signature = Signature(name, address, account)
    return CommitText(sha, headline, body, signature, signature)


def marks_of(**texts: Any) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The result for a pull request of Alice's with these texts."""
    found = marks.read(Texts(**{"author": ALICE, "commits": [commit()], **texts}))
    return found.ai, found.tools, found.evidence


def test_it_works() -> None:
    body = "Adds a cache.\n\n🤖 Generated with [Claude Code](https://claude.ai/code)"
    assert marks_of(body=body) == ("assisted", ("claude",), ("body",))
    assert marks_of() == ("none", (), ())


@pytest.mark.parametrize("account", ai_marks.AGENTS, ids=lambda one: f"{one.tool}-{one.id}")
def test_an_agents_account_is_known_by_its_id_whatever_it_is_called(
    account: ai_marks.Account,
) -> None:
    renamed = Actor(account.id, "renamed", account.type)
    namesake = Actor(77, account.login, account.type)
    without_id = Actor(None, f"{account.login}[bot]", None)
    assert marks_of(author=renamed) == ("agent", (account.tool,), ("author",))
    assert marks_of(author=without_id)[0] == "agent"
    assert marks_of(author=namesake)[0] == "none"
    assert not ai_accounts.is_person(renamed)


@pytest.mark.parametrize("account", ai_marks.AGENTS, ids=lambda one: f"{one.tool}-{one.id}")
def test_more_than_half_of_the_commits_make_it_an_agents(account: ai_marks.Account) -> None:
    address = f"{account.id}+{account.login}[bot]@users.noreply.github.com"
    by_agent = commit(name="x", address=address, account=Actor())
    merge = commit("Merge branch 'main' into topic")
    assert marks_of(commits=[by_agent, by_agent, commit()])[0] == "agent"
    assert marks_of(commits=[by_agent, merge, merge])[0] == "agent"
    assert marks_of(commits=[by_agent, commit()]) == ("assisted", (account.tool,), ("commit",))


@pytest.mark.parametrize("mark", ai_marks.ADDRESSES, ids=lambda one: one.text)
def test_an_address_is_a_mark_as_author_and_as_co_author(mark: ai_marks.Mark) -> None:
    by_it = commit(name="x", address=mark.text.upper(), account=Actor())
    co_author = commit(body=f"Why\n\nco-AUTHORED-by: Some Name <{mark.text}>\n\n* squashed")
    prose = commit(body=f"Mail {mark.text} about it; Co-authored-by: lines are fine.")
    assert marks_of(commits=[by_it]) == ("agent", (mark.tool,), ("commit",))
    assert marks_of(commits=[co_author]) == ("assisted", (mark.tool,), ("trailer",))
    assert marks_of(commits=[prose]) == ("none", (), ())


@pytest.mark.parametrize("number", ai_marks.NOREPLY_IDS)
def test_ids_of_tools_that_have_no_account_of_an_agent(number: int) -> None:
    trailer = f"Co-authored-by: Copilot <{number}+Copilot@users.noreply.github.com>"
    assert marks_of(commits=[commit(body=trailer)]) == ("assisted", ("copilot",), ("trailer",))


def test_a_weak_trailer_is_evidence_and_makes_nothing_assisted() -> None:
    weak = commit(body="Co-authored-by: Copilot <copilot@github.com>")
    assert marks_of(commits=[weak]) == ("none", (), ("trailer",))


@pytest.mark.parametrize("mark", ai_marks.TRAILERS, ids=lambda one: one.tool)
def test_a_trailer_stands_in_the_last_paragraph(mark: ai_marks.Mark) -> None:
    last = commit(body=f"Why\n\nSigned-off-by: A <a@example.com>\n{mark.text.title()}")
    earlier = commit(body=f"{mark.text}\n\nThat line is prose.")
    assert marks_of(commits=[last]) == ("assisted", (mark.tool,), ("trailer",))
    assert marks_of(commits=[earlier])[0] == "none"


def test_aider_by_name_and_headline() -> None:
    for one in (commit(name="Alice (aider)"), commit("aider: Add a cache")):
        assert marks_of(commits=[one]) == ("assisted", ("aider",), ("commit",))
    assert marks_of(commits=[commit("Ask aider: nothing", name="Alice (aider fan)")])[0] == "none"


def test_a_squash_keeps_its_marks_in_the_merge_commit() -> None:
    message = (
        "Add a cache (#7)\n\n* Begin\n\nCo-authored-by: Claude <noreply@anthropic.com>\n\n* End"
    )
    assert marks_of(merge_sha="m1", merge_message=message)[:2] == ("assisted", ("claude",))


@pytest.mark.parametrize("mark", ai_marks.BODY_LINKS, ids=lambda one: one.text)
def test_a_link_in_the_body(mark: ai_marks.Mark) -> None:
    link = f"https://{mark.text}"
    for body in (f"[Session]({link}/abc)", f"Made by {link}.", f"```tests```\n\n{link}/abc"):
        assert marks_of(body=body) == ("assisted", (mark.tool,), ("body",)), body
    for body in (
        f"> {link}/abc",
        f"```\n{link}\n```",
        f"~~~~ md\n{link}\n~~~\n{link}\n~~~~",
        f"`{link}`",
        f"{mark.text} is a tool that we tried",
        f"https://not{mark.text}",
        f"https://example.com/?next={mark.text}",
        f"{link}cov",
        f"{link}-review",
        f"{link}.example/abc",
    ):
        assert marks_of(body=body) == ("none", (), ()), body


@pytest.mark.parametrize("mark", ai_marks.DESCRIBED, ids=lambda one: one.text)
def test_a_description_by_ai_is_not_code_by_ai(mark: ai_marks.Mark) -> None:
    assert marks_of(body=mark.text) == ("described", (mark.tool,), ("body",))
    with_code = marks_of(body=f"{mark.text}\nhttps://claude.ai/code")
    assert with_code == ("assisted", ("claude",), ("body",))


@pytest.mark.parametrize("mark", ai_marks.BRANCHES, ids=lambda one: one.text)
def test_a_branch_that_only_the_tool_names_so(mark: ai_marks.Mark) -> None:
    assert marks_of(branch=f"{mark.text}fix-7") == ("assisted", (mark.tool,), ("branch",))
    assert marks_of(branch=f"my-{mark.text}fix")[0] == "none"
    assert marks_of(branch=mark.text.rstrip("/"))[0] == "none"


@pytest.mark.parametrize("mark", ai_marks.WEAK_BRANCHES, ids=lambda one: one.text)
def test_a_branch_that_people_name_so_as_well(mark: ai_marks.Mark) -> None:
    assert marks_of(branch=f"{mark.text}fix-7") == ("none", (), ("branch",))


@pytest.mark.parametrize("mark", ai_marks.LABELS, ids=lambda one: one.text)
def test_a_label(mark: ai_marks.Mark) -> None:
    assert marks_of(labels=[mark.text.title()]) == ("assisted", (mark.tool,), ("label",))
    assert marks_of(labels=[f"not-{mark.text}"])[0] == "none"


@pytest.mark.parametrize("entry", ai_marks.REVIEWERS, ids=lambda one: one.login)
def test_an_ai_reviewer(entry: ai_marks.Account) -> None:
    assert ai_accounts.is_ai_reviewer(Actor(entry.id, entry.login, "Bot"))
    assert not ai_accounts.is_ai_reviewer(Actor(77, entry.login, "User"))


def test_a_scanner_and_a_dependency_bot_are_no_ai() -> None:
    for login in ("github-advanced-security", "dependabot", "renovate"):
        assert not ai_accounts.is_ai_reviewer(Actor(5, login, "Bot"))
        assert marks_of(author=Actor(5, login, "Bot"))[0] == "none"


def test_reviews_by_ai_are_counted_as_peoples_are() -> None:
    rabbit = Actor(136622811, "coderabbitai", "Bot")
    hours = [timedelta(hours=hour) for hour in (-1, 2, 1, 9)]
    given = [ReviewGiven(rabbit, BEGIN + hour) for hour in hours]
    given += [ReviewGiven(DEVIN, BEGIN), ReviewGiven(ALICE, BEGIN)]
    ended = BEGIN + timedelta(hours=3)
    counted = marks.ai_reviews(given, DEVIN, BEGIN, ended)
    assert counted == [False, True, True, False, False, False]


def initiator(*commits: CommitText, author: Actor = DEVIN, **known: Actor | None) -> Any:
    addresses = {f"{name}@example.com": account for name, account in known.items()}
    return marks.read(Texts(author, commits=commits), known=addresses).initiator


def by_devin(*co_authors: str, sha: str = "c0") -> CommitText:
    body = "\n".join(f"Co-Authored-By: Someone <{address}>" for address in co_authors)
    return commit(body=body, name="Devin", address="x@y.example", account=DEVIN, sha=sha)


def test_the_initiator_is_the_first_person_among_the_co_authors() -> None:
    noreply = by_devin(
        "158243242+devin@users.noreply.github.com", "12+Bob@users.noreply.github.com"
    )
    assert initiator(noreply).account.id == 12
    assert initiator(by_devin("bob@example.com"), bob=Actor(12, "bob", "User")).account.id == 12
    assert initiator(by_devin("alice@example.com"), commit()).account == ALICE


def test_an_address_that_is_not_known_is_asked_before_the_next_is_taken() -> None:
    found = initiator(by_devin("new@example.com", "12+bob@users.noreply.github.com", sha="c7"))
    assert found.account is None
    assert found.unknown == (("c7", "new@example.com"),)
    nobody = initiator(by_devin("new@example.com", "12+bob@users.noreply.github.com"), new=None)
    assert nobody.account.id == 12


def test_without_a_co_author_it_is_the_author_else_who_committed() -> None:
    cursor = commit(address="cursoragent@cursor.com", account=Actor())
    assert initiator(cursor, author=ALICE).account == ALICE
    assert initiator(by_devin(), commit()).account == ALICE
    assert initiator(by_devin()).account is None


def test_only_an_agents_pull_request_has_an_initiator() -> None:
    assert initiator(commit(), author=ALICE).account is None
    assert initiator(commit(), author=DEPENDABOT).account is None


def test_whether_a_person_touched_it() -> None:
    assert marks.is_human_touched([ALICE], [])
    assert marks.is_human_touched([None], [commit()])
    assert marks.is_human_touched([], [commit(account=Actor())])
    # A person writing with aider is a person, with an account or without.
    assert marks.is_human_touched([], [commit(name="Alice (aider)", account=Actor())])
    assert not marks.is_human_touched([], [commit(address="noreply@aider.chat", account=Actor())])
    assert not marks.is_human_touched([DEVIN, DEPENDABOT], [by_devin()])


def test_a_team_adds_marks_and_ignores_tools() -> None:
    own = TeamMarks(
        logins={"acme-coder": "acme"},
        trailers={"Written-with: Acme": "acme"},
        branches={"acme/": "acme"},
        labels={"by-acme": "acme"},
        ignored_tools=frozenset({"claude"}),
        bots=frozenset({"devin-ai-integration"}),
    )

    def of(**texts: Any) -> tuple[str, tuple[str, ...]]:
        found = marks.read(Texts(**{"author": ALICE, **texts}), own)
        return found.ai, found.tools

    assert of(author=Actor(9, "Acme-Coder[bot]", "Bot")) == ("agent", ("acme",))
    assert of(commits=[commit(body="written-with:  Acme")]) == ("assisted", ("acme",))
    assert of(branch="acme/7") == of(labels=["By-Acme"]) == ("assisted", ("acme",))
    assert of(body="https://claude.ai/code") == ("none", ())
    assert of(author=DEVIN) == ("none", ())
    listed = TeamMarks(bots=frozenset({"copilot-swe-agent", "gemini-code-assist"}))
    for address in ("198982749+Copilot", "gemini-code-assist[bot]"):
        by_bot = commit(address=f"{address}@users.noreply.github.com", account=Actor())
        assert marks.read(Texts(ALICE, commits=[by_bot]), listed).ai == "none", address
        assert marks.read(Texts(ALICE, commits=[by_bot])).ai == "agent", address
        assert not marks.is_human_touched([], [by_bot], listed), address
    by_claude = commit(name="Claude", address="noreply@anthropic.com", account=Actor())
    assert of(commits=[by_claude]) == ("none", ())


@given(st.data())
def test_prose_that_names_a_tool_adds_no_mark(data: st.DataObject) -> None:
    tools = [line.tool for line in ai_marks.AGENTS]
    words = st.lists(st.sampled_from([*tools, "with", "by", "generated", "AI", ":", "\n"]))
    prose = " ".join(data.draw(words))
    found = marks_of(body=prose, labels=[prose], commits=[commit(f"Use {prose}", prose)])
    assert found == ("none", (), ())


@given(st.permutations(range(4)))
def test_the_order_of_commits_changes_no_mark(order: list[int]) -> None:
    commits = [
        commit(sha="c0"),
        commit(sha="c1", body="Co-authored-by: Claude <noreply@anthropic.com>"),
        commit("aider: More", sha="c2"),
        commit("Merge branch 'main'", sha="c3"),
    ]
    found = marks.read(Texts(ALICE, commits=[commits[place] for place in order]))
    assert found == marks.read(Texts(ALICE, commits=commits))


def recorded(name: str) -> dict[str, Counter[str]]:
    """By repository of a recording: how often each result occurs."""
    path = RECORDINGS / name
    if not path.exists():
        pytest.skip("no recordings in ../shared/data")
    recording = json.loads(path.read_text())
    accounts = {u["login"]: Actor(u["id"], u["login"], u["type"]) for u in recording["users"]}
    counts: dict[str, Counter[str]] = {}
    for repository in recording["repositories"]:
        read = [marks.read(_texts(pull, accounts)) for pull in repository["pulls"]]
        counts[repository["full_name"]] = Counter(found.ai for found in read)
    return counts


def _texts(pull: dict[str, Any], accounts: dict[str, Actor]) -> Texts:
    return Texts(
        accounts.get(pull["author"], Actor()),
        pull["body"] or "",
        pull["headRefName"],
        commits=[_commit(one, accounts) for one in pull["commits"]],
    )


def _commit(one: dict[str, Any], accounts: dict[str, Actor]) -> CommitText:
    account = accounts.get(one.get("authorLogin") or "", Actor())
    author = Signature(
        one["authorName"],
        one.get("authorEmail") or "",
        account if account.type == "User" else Actor(),  # a commit's user is null for a bot
    )
    return CommitText(one["oid"], one["messageHeadline"], one.get("messageBody") or "", author)


def test_the_recorded_work_of_agents_is_recognised() -> None:
    for name, counts in recorded("agents.json").items():
        assert counts["agent"] + counts["assisted"] == 14, name


def test_no_mark_is_found_in_older_work_of_people() -> None:
    assert recorded("tls13-spec.json") == {"tlswg/tls13-spec": Counter(none=998)}


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def assert_reduced_says_the_same(texts: Texts) -> None:
    """Stored texts give the same result as whole ones, and reducing them again changes nothing."""
    whole, kept = marks.read(texts), reduced.texts(texts, hashed)
    found = marks.read(kept)
    assert (found.ai, found.tools, found.evidence) == (whole.ai, whole.tools, whole.evidence)
    assert [(each.kind, each.tool, each.weight, each.place) for each in found.findings] == [
        (each.kind, each.tool, each.weight, each.place) for each in whole.findings
    ]
    assert found.initiator.account == whole.initiator.account
    assert len(found.initiator.unknown) == len(whole.initiator.unknown)
    assert reduced.texts(kept, hashed) == kept


LINES = st.sampled_from(
    [
        *("", "Why", "Co-authored-by: A <a@example.com>", "Signed-off-by: A <a@example.com>"),
        *("Co-authored-by: Claude <noreply@anthropic.com>", "Made-with: Cursor", "Key: value"),
        *("co-authored-by: Copilot <copilot@github.com>", "> https://claude.ai/code", "```"),
        *("https://app.devin.ai/sessions/1", "<!-- CURSOR_SUMMARY -->", "aider: x"),
        *("Co-authored-by: B <12+Bob@users.noreply.github.com>", "https://claude.ai/codecov"),
        "Co-authored-by: D <158243242+devin[bot]@users.noreply.github.com>",
    ]
)
SIGNATURES = st.sampled_from(
    [
        *(Signature("Alice", "alice@example.com", ALICE), Signature("A (aider)", "a@b.example")),
        *(Signature("Devin", "158243242+d[bot]@users.noreply.github.com"), ai_accounts.UNSIGNED),
        *(Signature("x", "noreply@openai.com"), Signature("dependabot[bot]", "a@b.example")),
        Signature("Bob", "12+bob@users.noreply.github.com", Actor(12, "bob", "User")),
    ]
)


@given(st.data())
def test_reduced_texts_give_the_same_marks(data: st.DataObject) -> None:
    text = st.lists(LINES, max_size=6).map("\n".join)
    commits = [
        CommitText(f"c{n}", "Change", data.draw(text), data.draw(SIGNATURES), data.draw(SIGNATURES))
        for n in range(data.draw(st.integers(0, 4)))
    ]
    author = data.draw(st.sampled_from([ALICE, DEVIN, DEPENDABOT, Actor()]))
    assert_reduced_says_the_same(
        Texts(author, data.draw(text), "claude/x", commits=commits, merge_message=data.draw(text))
    )


def test_nobodys_name_or_address_is_kept() -> None:
    whole = commit(
        body="Thanks to Ada Lovelace <ada@example.com>\n\nCo-authored-by: Ada <ada@example.com>\n"
        "Reviewed-by: Grace Hopper <grace@example.com>\nTicket: ABC-1",
        name="Alice Liddell (aider)",
        address="alice@example.com",
        account=Actor(),
    )
    kept = str(reduced.texts(Texts(ALICE, "Ask Ada", commits=[whole]), hashed)).lower()
    for text in ("ada", "grace", "liddell", "example.com", "abc-1"):
        assert text not in kept, text
