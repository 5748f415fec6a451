from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from notes.models import Note


def notes(request: HttpRequest) -> HttpResponse:
    """The notes, a line each; `text` of a POST is a new one, `done` ticks one off."""
    if "text" in request.POST:
        Note.objects.create(text=request.POST["text"])
    if "done" in request.POST:
        Note.objects.filter(text=request.POST["done"]).update(done=True)
    lines = [f"[{'x' if note.done else ' '}] {note.text}\n" for note in Note.objects.order_by("id")]
    return HttpResponse("".join(lines), content_type="text/plain")


def healthz(request: HttpRequest) -> HttpResponse:
    """Which commit this is, and 503 where its database does not answer."""
    try:
        connection.ensure_connection()
    except Error:
        return JsonResponse({"status": "no database", "revision": settings.REVISION}, status=503)
    return JsonResponse({"status": "ok", "revision": settings.REVISION})
