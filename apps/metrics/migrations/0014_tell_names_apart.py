"""Of repositories of one name, the youngest bears it: GitHub counts its ids up."""

from __future__ import annotations

from django.db import migrations


def tell_apart(apps, _schema):
    Repository = apps.get_model("metrics", "Repository")
    borne = set()
    for row in Repository.objects.order_by("team", "-github_repo_id").iterator():
        name = (row.team_id, row.full_name.lower())
        if name in borne:
            row.full_name = f"{row.full_name}@{row.github_repo_id}"
            row.save(update_fields=["full_name"])
        borne.add(name)


class Migration(migrations.Migration):
    dependencies = [("metrics", "0013_bounds")]

    operations = [migrations.RunPython(tell_apart, migrations.RunPython.noop)]
