"""Links reverts to what they revert, whichever of the two was stored first."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models.functions import Left

from apps.metrics.models import PullRequest, PullRequestCommit, Repository

SHORTEST = 7  # Digits of a SHA in a message; the index of commits uses them.


def link_by_number(repository: Repository, stored: dict[int, int]) -> None:
    """Links by `Reverts #N`; `stored` maps numbers to keys of pull requests."""
    waiting = PullRequest.objects.filter(
        reverts_repository__in=["", repository.full_name.partition("@")[0]],
        repository=repository,
        reverts__isnull=True,
        reverts_number__isnull=False,
    )
    # Reads the whole partial index: it has few rows, and listing the others takes longer.
    keys = set(stored.values())
    wanted = {
        key: number
        for key, number in waiting.values_list("pk", "reverts_number")
        if number is not None and (key in keys or number in stored)
    }
    if not wanted:
        return
    known = PullRequest.objects.filter(repository=repository, number__in=wanted.values())
    targets = dict(known.values_list("number", "pk"))
    for revert, number in wanted.items():
        target = targets.get(number)
        if target and target != revert:
            PullRequest.objects.filter(pk=revert).update(reverts=target)


def link_by_sha(
    repository: Repository, said: dict[str, list[int]], merges: dict[str, int], revision: int
) -> None:
    """`This reverts commit SHA` makes a revert only if SHA is a stored merge.

    `said` maps SHAs named in commits to pull requests, `merges` their own merge SHAs.
    """
    for revert, target in {*_of_commits(repository, said), *_of_merges(repository, merges)}:
        if revert != target:
            reverting = PullRequest.objects.filter(pk=revert)
            reverting.update(is_revert=True, stored_revision=revision)
            reverting.filter(reverts__isnull=True).update(reverts=target)


def _of_commits(repository: Repository, said: dict[str, list[int]]) -> Iterable[tuple[int, int]]:
    for sha, reverts in said.items():
        # A range, since a prefix uses no index on PostgreSQL: "g" sorts after every hex digit.
        merges = PullRequest.objects.filter(
            team=repository.team,
            repository=repository,
            merge_commit_sha__gte=sha,
            merge_commit_sha__lt=f"{sha}g",
        )
        target = merges.order_by("merge_commit_sha", "number").values_list("pk", flat=True).first()
        yield from ((revert, target) for revert in reverts if target)


def _of_merges(repository: Repository, merges: dict[str, int]) -> Iterable[tuple[int, int]]:
    if not merges:
        return
    mentions = PullRequestCommit.objects.annotate(
        start=Left("commit__reverts_sha", SHORTEST)
    ).filter(
        start__in={sha[:SHORTEST] for sha in merges},
        commit__repository=repository,
        commit__reverts_sha__isnull=False,
    )
    for sha, revert in mentions.values_list("commit__reverts_sha", "pull_request_id"):
        target = next((pk for merge, pk in merges.items() if sha and merge.startswith(sha)), None)
        if target:
            yield revert, target
