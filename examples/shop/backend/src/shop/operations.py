"""What the release tool asks of the backend; answered for any allowed Host, without a tenant."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

PROBE_SECONDS = 2.5
SLOW_SECONDS = 10.0

# A thread of its own: connect_timeout bounds neither a name lookup nor a server with several
# addresses, and the answer must come within three seconds all the same.
_probe = ThreadPoolExecutor(max_workers=1, thread_name_prefix="probe")


def healthz(request: HttpRequest) -> HttpResponse:
    """200 when the database answers, else 503: {"status", "revision", "environment"}."""
    try:
        ask_database()
    except (Error, TimeoutError) as exc:
        report = {"status": "no database", "error": type(exc).__name__, **who()}
        return JsonResponse(report, status=503)
    return JsonResponse({"status": "ok", **who()})


def version(request: HttpRequest) -> HttpResponse:
    return JsonResponse(who())


def slow(request: HttpRequest) -> HttpResponse:
    """Sleep `seconds` (at most 10; 1 unless given), then answer {"slept": seconds}."""
    try:
        seconds = min(max(float(request.GET.get("seconds", "1")), 0.0), SLOW_SECONDS)
    except ValueError:
        return JsonResponse({"error": "seconds should be a number"}, status=400)
    time.sleep(seconds)
    return JsonResponse({"slept": seconds})


VIEWS: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    "/healthz": healthz,
    "/api/version": version,
    "/api/slow": slow,
}


class OperationsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        view = VIEWS.get(request.path)
        if view is None:
            return self.get_response(request)
        request.get_host()  # raises DisallowedHost, which Django answers with 400
        return view(request)


def who() -> dict[str, str]:
    return {"revision": settings.REVISION, "environment": settings.SHOP_ENVIRONMENT}


def ask_database() -> None:
    """Raise TimeoutError or django.db.Error when SELECT 1 is not answered in time."""
    answer = _probe.submit(_select_one)
    try:
        answer.result(timeout=PROBE_SECONDS)
    except TimeoutError:
        answer.cancel()
        raise


def _select_one() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        # The next question opens a connection again, so a server that is gone is noticed.
        connection.close()
