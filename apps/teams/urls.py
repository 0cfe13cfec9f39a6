from django.urls import URLPattern, path

from apps.teams import audit_views, key_views, member_views, views

urlpatterns: list[URLPattern] = [
    path("", views.home, name="home"),
    path("teams/new/", views.new_team, name="team_new"),
    path("invitations/", member_views.invitation, name="invitation"),
    path("invitations/<str:key>/", member_views.invitation_link, name="invitation_link"),
    path("a/<slug:team>/settings/", views.team_settings, name="team_settings"),
    path("a/<slug:team>/settings/audit/", audit_views.audit_log, name="audit_log"),
    path("a/<slug:team>/settings/leave/", member_views.leave, name="team_leave"),
    path("a/<slug:team>/settings/members/", member_views.members, name="team_members"),
    path(
        "a/<slug:team>/settings/members/<int:member>/role/",
        member_views.set_role,
        name="member_role",
    ),
    path(
        "a/<slug:team>/settings/members/<int:member>/remove/",
        member_views.remove_member,
        name="member_remove",
    ),
    path("a/<slug:team>/settings/invitations/", member_views.invite, name="team_invite"),
    path("a/<slug:team>/settings/api-keys/", key_views.keys, name="api_keys"),
    path(
        "a/<slug:team>/settings/api-keys/<int:key>/revoke/", key_views.revoke, name="api_key_revoke"
    ),
    path(
        "a/<slug:team>/settings/invitations/<int:invitation>/revoke/",
        member_views.revoke,
        name="invitation_revoke",
    ),
]
