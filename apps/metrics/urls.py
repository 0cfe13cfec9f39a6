"""The URLs of the figures."""

from django.urls import URLPattern, URLResolver, path

from apps.metrics.views.digest import digest, digest_off
from apps.metrics.views.explorer import pull_requests
from apps.metrics.views.figures import (
    ai_page,
    flow_page,
    group_page,
    groups_page,
    overview_page,
    people_page,
    person_page,
    queues_page,
    repositories_page,
    repository_page,
    reviews_page,
)
from apps.metrics.views.filters import choose, options
from apps.metrics.views.groups import new_group, own_group
from apps.metrics.views.how_we_count import how_we_count, table_of_marks
from apps.metrics.views.notes import note, notes
from apps.metrics.views.preparing import prepared
from apps.metrics.views.production import deployment, deployments, production_page
from apps.metrics.views.pull_request import pull_request
from apps.metrics.views.saved_views import saved_view, saved_views

TEAM = "a/<slug:team>"

urlpatterns: list[URLPattern | URLResolver] = [
    path(f"{TEAM}/", overview_page, name="overview"),
    path(f"{TEAM}/pull-requests/", pull_requests, name="pull_requests"),
    path(
        f"{TEAM}/pull-requests/<str:owner>/<str:repository>/<int:number>/",
        pull_request,
        name="pull_request",
    ),
    path(f"{TEAM}/views/", saved_views, name="saved_views"),
    path(f"{TEAM}/views/<int:view>/", saved_view, name="saved_view"),
    path(f"{TEAM}/figures/prepared/", prepared, name="figures_prepared"),
    path(f"{TEAM}/filters/", choose, name="choose_filter"),
    path(f"{TEAM}/filters/options/", options, name="filter_options"),
    path(f"{TEAM}/reviews/", reviews_page, name="reviews"),
    path(f"{TEAM}/flow/", flow_page, name="flow"),
    path(f"{TEAM}/waiting/", queues_page, name="queues"),
    path(f"{TEAM}/production/", production_page, name="production"),
    path(f"{TEAM}/production/deployments/", deployments, name="deployments"),
    path(f"{TEAM}/production/deployments/<int:deployment>/", deployment, name="deployment"),
    path(f"{TEAM}/ai/", ai_page, name="ai"),
    path(f"{TEAM}/ai/marks/", table_of_marks, name="table_of_marks"),
    path(f"{TEAM}/compare/repositories/", repositories_page, name="compare_repositories"),
    path(f"{TEAM}/compare/people/", people_page, name="compare_people"),
    path(f"{TEAM}/compare/teams/", groups_page, name="compare_groups"),
    path(f"{TEAM}/notes/", notes, name="notes"),
    path(f"{TEAM}/notes/<int:note>/", note, name="note"),
    path(f"{TEAM}/teams/new/", new_group, name="new_group"),
    path(f"{TEAM}/teams/<int:group>/", group_page, name="group_page"),
    path(f"{TEAM}/teams/<int:group>/change/", own_group, name="own_group"),
    path(f"{TEAM}/repositories/<int:github_repo_id>/", repository_page, name="repository_page"),
    path(f"{TEAM}/people/<int:github_id>/", person_page, name="person_page"),
    path(f"{TEAM}/settings/digest/", digest, name="digest"),
    path("digest/off/<str:token>/", digest_off, name="digest_off"),
    path(f"{TEAM}/how-we-count/", how_we_count, name="how_we_count"),
]
