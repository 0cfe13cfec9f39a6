from django.urls import URLPattern, path

from apps.users import views

urlpatterns: list[URLPattern] = [
    path("accounts/profile/", views.profile, name="account_profile"),
    path("accounts/sessions/", views.signed_in, name="account_sessions"),
]
