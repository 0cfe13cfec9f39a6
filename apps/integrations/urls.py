"""The URLs of the connection to GitHub."""

from django.urls import URLPattern, URLResolver, path

from apps.integrations.views import (
    callbacks,
    connection,
    data,
    farewells,
    github_app,
    hooks,
    organization_hooks,
    people,
    production,
    promises,
    repositories,
    same_people,
    sync,
)

TEAM = "a/<slug:team>"
GITHUB = f"{TEAM}/integrations/github"

urlpatterns: list[URLPattern | URLResolver] = [
    # allauth has a sign-in URL named github_callback.
    path("integrations/github/callback/", callbacks.connected, name="github_connect_callback"),
    path("integrations/github/app/", callbacks.made, name="github_app_made"),
    path(f"{GITHUB}/app/", github_app.new, name="github_app"),
    path(f"{TEAM}/integrations/", connection.integrations, name="integrations"),
    path(f"{GITHUB}/connect/", connection.connect, name="github_connect"),
    path(f"{GITHUB}/callback/", callbacks.connected_team, name="github_team_callback"),
    path(f"{GITHUB}/token/", connection.token, name="github_token"),
    path(f"{GITHUB}/organization/", connection.organization, name="github_organization"),
    path(f"{GITHUB}/disconnect/", connection.disconnect, name="github_disconnect"),
    path(f"{GITHUB}/left/<int:farewell_id>/", farewells.left_on_github, name="left_on_github"),
    path(f"{GITHUB}/refresh/", connection.refresh, name="github_refresh"),
    path(f"{GITHUB}/repos/", repositories.repositories, name="repositories"),
    path(f"{GITHUB}/repos/matches/", repositories.matches, name="repository_matches"),
    path(f"{GITHUB}/repos/<int:github_repo_id>/", repositories.tracking_of_one, name="tracking"),
    path(f"{GITHUB}/webhooks/", hooks.webhooks, name="webhooks"),
    path(f"{GITHUB}/webhooks/secrets/", hooks.new_secrets, name="webhook_secrets"),
    path(
        f"{GITHUB}/webhooks/organization/",
        organization_hooks.organization_hook,
        name="organization_hook",
    ),
    path(f"{GITHUB}/webhooks/<int:delivery_id>/", hooks.retry, name="delivery"),
    path(f"{GITHUB}/sync/", sync.start, name="sync"),
    path(f"{GITHUB}/sync/status/", sync.status, name="sync_status"),
    path(f"{TEAM}/production/sources/", production.sources, name="production_sources"),
    path(
        f"{TEAM}/production/sources/<int:github_repo_id>/",
        production.source,
        name="production_source",
    ),
    path(
        f"{TEAM}/production/deployments/<int:deployment>/correction/",
        production.correct,
        name="correct_deployment",
    ),
    path(f"{TEAM}/promises/", promises.promises, name="promises"),
    path(f"{TEAM}/people/", people.people, name="people"),
    path(f"{TEAM}/people/<int:github_id>/switch/", people.person, name="person"),
    path(f"{TEAM}/settings/data/", data.team_data, name="team_data"),
    path(f"{TEAM}/settings/data/archive/", data.team_archive, name="team_archive"),
    path(f"{TEAM}/people/<int:github_id>/data/", data.person_data, name="person_data"),
    path(
        f"{TEAM}/people/<int:github_id>/data/archive/", data.person_archive, name="person_archive"
    ),
    path(f"{TEAM}/people/accounts/", same_people.several_accounts, name="same_people"),
    path(f"{TEAM}/people/accounts/<int:github_id>/", same_people.decide, name="same_person"),
]
