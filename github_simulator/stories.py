"""Special pull requests: by bots, in a hurry, by outsiders."""

from __future__ import annotations

from datetime import timedelta

from . import actions, prose
from .lifecycle import Story
from .world import Account, Commit, Label, PullRequest


class BotStory(Story):
    """A dependency bot's pull request: merged soon, or closed when the next version comes."""

    def __init__(self, *args: object, bot: Account) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.author = bot

    def subject(self) -> tuple[str, str, str, tuple[Label, ...]]:
        title, branch, body = prose.bump(self.rng)
        if self.author and self.author.login != "dependabot":
            branch = f"renovate/{branch.rpartition('/')[2]}"
        return title, branch, body, (self.habits.labels["dependencies"],)

    def first_commits(self) -> list[Commit]:
        return [self.commit(self.clock - timedelta(seconds=40), 4)]

    def become_ready(self) -> None:
        if self.pull_request.is_draft:
            actions.mark_ready(self.soon(self.author), self.pull_request)

    def be_reviewed(self) -> None:
        self.reviewers = self.choose_reviewers()
        if self.reviewers and self.rng.random() < 0.55:
            deed = self.reviewing(self.reviewers[0], first=True)
            actions.submit_review(deed, self.pull_request, "APPROVED", "")

    def end(self) -> None:
        if self.rng.random() < 0.3 or not self.reviewers:
            actions.close(self.later(self.author, 24 * 6, 0.5), self.pull_request)
        else:
            actions.merge(self.later(self.reviewers[0], 12), self.pull_request)


class RevertStory(Story):
    """Reverts a merge, in a hurry."""

    def __init__(self, *args: object, reverted: PullRequest) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.reverted = reverted
        self.pace = 0.2

    def subject(self) -> tuple[str, str, str, tuple[Label, ...]]:
        former, name = self.reverted, self.repository.full_name
        title = f'Revert "{former.title}"'
        return (
            title,
            f"revert-{former.number}-{former.head_ref}",
            f"Reverts {name}#{former.number}",
            (),
        )

    def first_commits(self) -> list[Commit]:
        commit = self.commit(self.clock - timedelta(seconds=30))
        commit.message = (
            f'Revert "{self.reverted.title}"\n\nThis reverts commit '
            f"{self.reverted.merge_commit_oid}."
        )
        commit.additions, commit.deletions = self.reverted.deletions, self.reverted.additions
        return [commit]

    def become_ready(self) -> None:
        if self.pull_request.is_draft:
            actions.mark_ready(self.soon(self.author), self.pull_request)


class ForkStory(Story):
    """An outsider contributes from a fork; some delete it afterwards."""

    def __init__(self, *args: object, outsider: Account, fork: str) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.author, self.fork = outsider, fork

    def open(self) -> None:
        super().open()
        self.pull_request.head_repository = self.fork
        self.pull_request.head_repository_owner = self.author
        if self.rng.random() < 0.3:
            self.pull_request.head_repository = None
            self.pull_request.head_repository_owner = None

    def merge(self) -> None:
        who = self.reviewers[0] if self.reviewers else self.habits.reviewers[0]
        actions.merge(self.later(who, 3), self.pull_request)
