from django.urls import URLPattern, path

from apps.users import views
from apps.users.confirmation import ConfirmAddress

urlpatterns: list[URLPattern] = [
    path("accounts/profile/", views.profile, name="account_profile"),
    path(
        "accounts/confirm-email/<str:key>/",
        ConfirmAddress.as_view(),
        name="account_confirm_email",
    ),
    path("accounts/sessions/", views.signed_in, name="account_sessions"),
]
