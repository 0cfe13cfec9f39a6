"""Open pull requests are read once more, since whom they wait for was not asked before.

What else follows from what is stored, such as since when each waits, is recalculated.
"""

from django.db import migrations
from django.utils import timezone

AT_ONCE = 500


def mark(apps, schema_editor):
    stale = apps.get_model("integrations", "StalePullRequest")
    rows = apps.get_model("metrics", "PullRequest").objects.filter(
        state="open", repository__tracking__is_active=True
    )
    now = timezone.now()
    found = rows.order_by("pk").values_list("team", "repository__tracking", "number", "node_id")
    marks = [
        stale(team_id=team, tracked_id=tracked, number=number, node_id=node, due_at=now)
        for team, tracked, number, node in found.iterator(AT_ONCE)
    ]
    stale.objects.bulk_create(marks, AT_ONCE, ignore_conflicts=True)
    apps.get_model("teams", "Team").objects.update(recalculate_from=0)


class Migration(migrations.Migration):

    dependencies = [
        ("integrations", "0011_untracked_at"),
        ("metrics", "0017_what_waits"),
        ("teams", "0011_production"),
    ]

    operations = [migrations.RunPython(mark, migrations.RunPython.noop, elidable=True)]
