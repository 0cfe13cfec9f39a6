"""A third-party client made for GitHub works here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from githubkit import GitHub, TokenAuthStrategy
from githubkit.exception import GraphQLFailed, RequestFailed

from github_simulator.testing import Running

WALK = """
query($cursor: String) { repository(owner: "acme", name: "api") {
  pullRequests(first: 2, after: $cursor) {
    nodes { number } pageInfo { hasNextPage endCursor } } } }
"""


@pytest.fixture
def client(github: Running) -> Iterator[GitHub[TokenAuthStrategy]]:
    with GitHub(
        TokenAuthStrategy("ghp_alice"), base_url=f"{github.url}/api/v3", auto_retry=False
    ) as made:
        yield made


def test_it_works(client: GitHub[TokenAuthStrategy]) -> None:
    assert client.rest.users.get_authenticated().parsed_data.login == "alice"


def test_graphql_pages(client: GitHub[TokenAuthStrategy]) -> None:
    pages = client.graphql.paginate(WALK)
    numbers = [
        each["number"] for page in pages for each in page["repository"]["pullRequests"]["nodes"]
    ]
    assert numbers == [1, 2, 3, 4, 5]


def test_rest_pages(client: GitHub[TokenAuthStrategy]) -> None:
    pulls = client.rest.paginate(
        client.rest.pulls.list, owner="acme", repo="api", state="all", per_page=2
    )
    assert sorted(pull.number for pull in pulls) == [1, 2, 3, 4, 5]


def test_refusals(client: GitHub[TokenAuthStrategy]) -> None:
    with pytest.raises(GraphQLFailed) as refused:
        client.graphql('{ repository(owner: "acme", name: "nope") { id } }')
    assert [each.type for each in refused.value.response.errors or []] == ["NOT_FOUND"]
    with pytest.raises(RequestFailed) as missing:
        client.rest.repos.get("acme", "nope")
    assert missing.value.response.status_code == 404
