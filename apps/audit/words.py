"""What each action of the audit log is called; an action without words fails a test."""

from __future__ import annotations

ACTIONS = {
    "account.signed_up": "Made an account",
    "account.signed_in": "Signed in",
    "account.signed_out": "Signed out",
    "account.password_changed": "Changed the password",
    "account.password_set": "Set a password",
    "account.password_reset": "Replaced a forgotten password",
    "account.email_added": "Added an e-mail address",
    "account.email_changed": "Changed the e-mail address",
    "account.email_removed": "Removed an e-mail address",
    "account.github_added": "Linked a GitHub account for signing in",
    "account.github_removed": "Unlinked a GitHub account",
    "team.created": "Made the team",
    "team.settings_changed": "Changed the settings",
    "member.role_changed": "Changed a member's role",
    "member.removed": "Removed a member",
    "member.left": "Left the team",
    "invitation.made": "Invited somebody",
    "invitation.revoked": "Revoked an invitation",
    "invitation.accepted": "Accepted an invitation",
    "api_key.made": "Made an API key",
    "api_key.revoked": "Revoked an API key",
    "github.connect.begun": "Began to connect GitHub",
    "github.connect.completed": "Connected GitHub",
    "github.connect.failed": "Failed to connect GitHub",
    "github.disconnected": "Disconnected GitHub",
    "github.token.refreshed": "Renewed the token for GitHub",
    "github.token.refused": "Had the token refused by GitHub",
    "github.hook.made": "Made a webhook on GitHub",
    "github.hook.removed": "Removed a webhook from GitHub",
    "github.hooks.rotated": "Gave the webhooks new secrets",
    "github.repositories.tracked": "Chose repositories to track",
    "github.repositories.following_ended": "Stopped following new repositories",
    "github.repository.untracked": "Stopped tracking a repository",
    "github.sync.begun": "Asked for a sync",
    "github.sync.complete": "Finished a sync",
    "github.sync.error": "Ended a sync with errors",
    "github.delivery.retried": "Handled a delivery once more",
    "people.switched_off": "Left a person out of the figures",
    "people.switched_on": "Counted a person again",
    "accuracy.checked": "Compared pull requests with GitHub",
    "export.made": "Exported figures",
    "audit.exported": "Exported the audit log",
}
GROUPS = {
    "account": "Signing in",
    "team": "Settings",
    "member": "Members",
    "invitation": "Invitations",
    "api_key": "API keys",
    "github.connect": "Connecting GitHub",
    "github.token": "Tokens",
    "github.hook": "Webhooks",
    "github.repositor": "Repositories",
    "github.sync": "Syncs",
    "people": "People",
    "accuracy": "Spot checks",
    "export": "Exports",
    "audit": "The audit log",
}


def words(action: str) -> str:
    """What somebody did; the program did it where nobody is named."""
    return ACTIONS.get(action, action)
