"""The pages of figures, each under the filter bar."""

from __future__ import annotations

from apps.metrics.pages import (
    ai,
    compare,
    flow,
    groups,
    overview,
    person,
    queues,
    repository,
    reviews,
)
from apps.metrics.views.page import figures_page

overview_page = figures_page(
    "metrics/overview.html", "metrics/overview_part.html", may_follow=True
)(overview.overview)
repository_page = figures_page("metrics/repository.html", "metrics/overview_part.html")(
    repository.repository
)
flow_page = figures_page("metrics/flow.html", "metrics/flow_part.html", may_follow=True)(flow.flow)
ai_page = figures_page("metrics/ai.html", "metrics/ai_part.html", may_follow=True)(ai.ai)
reviews_page = figures_page("metrics/reviews.html", "metrics/reviews_part.html", may_follow=True)(
    reviews.reviews
)
queues_page = figures_page(
    "metrics/queues.html", "metrics/queues_part.html", may_follow=True, has_range=False
)(queues.queues)
_side_by_side = figures_page("metrics/compare.html", "metrics/compare_part.html", may_follow=True)
repositories_page = _side_by_side(compare.repositories)
groups_page = _side_by_side(groups.groups)
group_page = figures_page("metrics/group.html", "metrics/group_part.html")(groups.group)
people_page = _side_by_side(compare.people)
person_page = figures_page("metrics/person.html", "metrics/person_part.html")(person.person)
