"""Minimal Django project with django-oauth-toolkit: an authorization server, or a resource server.

Wanted, all of it optional: "port"; "folder", where the tokens are; "introspection_url", "client_id" and
"client_secret", of a resource server.
"""

import peer

wanted = peer.wanted()

from django.conf import settings  # noqa: E402

toolkit = {"SCOPES": {"orders.read": "Read orders", "orders.write": "Write orders", "introspection": "Introspect"}}
if "introspection_url" in wanted:
    # As the toolkit's documentation has it (resource_server.html).
    toolkit["RESOURCE_SERVER_INTROSPECTION_URL"] = wanted["introspection_url"]
    toolkit["RESOURCE_SERVER_INTROSPECTION_CREDENTIALS"] = (wanted["client_id"], wanted["client_secret"])
    # The default keeps an answer for ten hours. "0" would call every token expired.
    toolkit["RESOURCE_SERVER_TOKEN_CACHING_SECONDS"] = 60

settings.configure(
    SECRET_KEY="tests",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": f"{peer.folder(wanted)}/db.sqlite3",
            "OPTIONS": {"timeout": 20},
        }
    },
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    # The toolkit hashes client secrets as Django hashes passwords: its default takes a third of a second each.
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    OAUTH2_PROVIDER=toolkit,
)

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from oauth2_provider.decorators import protected_resource  # noqa: E402


@protected_resource(scopes=["orders.read"])
def orders(request):
    return HttpResponse("orders")


urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("orders", orders),
]


def migrate():
    call_command("migrate", verbosity=0)


def register_clients():
    """`app` mints tokens; the others introspect, with credentials that need the form encoding."""
    from oauth2_provider.models import Application

    secret = "s3cr:t/+ %&"
    for client_id, client_secret in [("app", "app-secret"), ("introspectd", secret), ("intro spectd:1", secret)]:
        Application.objects.get_or_create(
            client_id=client_id,
            defaults={
                "name": client_id,
                "client_secret": client_secret,
                "client_type": Application.CLIENT_CONFIDENTIAL,
                "authorization_grant_type": Application.GRANT_CLIENT_CREDENTIALS,
            },
        )


def serve():
    server = ThreadedWSGIServer(("127.0.0.1", wanted.get("port", 0)), WSGIRequestHandler)
    server.daemon_threads = True
    server.set_app(get_wsgi_application())
    peer.listening(server.server_port)
    server.serve_forever()


if __name__ == "__main__":
    migrate()
    register_clients()
    serve()
