"""Links that somebody wants to keep, a line each."""

import os

from database import engine
from models import Link
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

REVISION = os.environ.get("REVISION", "unknown")


def links(request: Request) -> Response:
    with Session(engine) as session:
        found = session.scalars(select(Link).order_by(Link.id))
        return PlainTextResponse("".join(f"{link.url}\n" for link in found))


def add(request: Request) -> Response:
    with Session(engine) as session, session.begin():
        session.add(Link(url=request.query_params["url"]))
    return links(request)


def healthz(request: Request) -> Response:
    """Which commit this is, and 503 where its database does not answer."""
    try:
        engine.connect().close()
    except OperationalError:
        return JSONResponse({"status": "no database", "revision": REVISION}, status_code=503)
    return JSONResponse({"status": "ok", "revision": REVISION})


app = Starlette(
    routes=[
        Route("/", links),
        Route("/", add, methods=["POST"]),
        Route("/healthz", healthz),
    ]
)
