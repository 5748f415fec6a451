"""Runs of the release flow, asked for by Prefect's REST API: the core knows no Prefect.

https://docs.prefect.io/v3/api-ref/rest-api
"""

import base64
import uuid
from collections.abc import Generator
from typing import Any

import httpx

from fairlead.errors import PrefectUnreachable, RunRefused
from fairlead.model import Delivery
from fairlead.plain import one_line

TAG = "via:github"
TIMEOUT = 3.0  # seconds for each request
LONGEST = 300  # characters of what Prefect says
# What comes of reading another's answer as Prefect's.
NOT_PREFECT = (ValueError, LookupError, TypeError, AttributeError)
_REFUSALS = (400, 409, 422)  # a wrong parameter, a schema that does not fit, an unknown field


class Runs:
    """`api` is PREFECT_API_URL, `auth` PREFECT_API_AUTH_STRING, `ui` where people look at runs:
    beside the API unless given. Safe in several threads."""

    def __init__(self, api: str, auth: str | None = None, ui: str | None = None) -> None:
        self._api = api.rstrip("/")
        self._ui = (ui or self._api.removesuffix("/api")).rstrip("/")
        self._client = httpx.Client(
            timeout=TIMEOUT,
            headers=_authorization(auth),
            auth=_Csrf(self._api, _authorization(auth)),
        )

    def close(self) -> None:
        self._client.close()

    def address(self, run: str) -> str:
        """The run's page."""
        return f"{self._ui}/runs/flow-run/{run}"

    def start(self, delivery: Delivery) -> str:
        """The id of the delivery's run; the same one however often it is asked for.

        Raises PrefectUnreachable when it may work later, RunRefused when it will not.
        """
        name = f"release/{delivery.environment}"
        found = self._ask("GET", f"/deployments/name/{name}")
        if found.status_code == httpx.codes.NOT_FOUND:
            why = f"it has no deployment {name}; make it with: prefect deploy --all"
            raise PrefectUnreachable(self._api, why)
        place = f"/deployments/{self._id(found)}/create_flow_run"
        made = self._ask("POST", place, run_of(delivery))
        if made.status_code in _REFUSALS:
            raise RunRefused(name, _said(made))
        return self._id(made)

    def resume(self, run: str, answer: dict[str, Any]) -> None:
        """Have a suspended run go on, as a person has it who fills in its form.

        Raises PrefectUnreachable, also when Prefect does not want to; it says so with a 200.
        """
        told = self._ask("POST", f"/flow_runs/{run}/resume", {"run_input": answer})
        if not told.is_success:
            raise PrefectUnreachable(self._api, f"{told.status_code} {_said(told)}")
        try:
            result = told.json()
            taken = result["status"] == "ACCEPT"
            why = "" if taken else str(result["details"].get("reason", ""))
        except NOT_PREFECT as error:
            raise PrefectUnreachable(self._api, "its answer is not Prefect's") from error
        if not taken:
            raise PrefectUnreachable(self._api, why)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        try:
            return self._client.request(method, f"{self._api}{path}", json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = str(error).rstrip(".") or type(error).__name__
            raise PrefectUnreachable(self._api, why) from error

    def _id(self, answer: httpx.Response) -> str:
        if not answer.is_success:
            raise PrefectUnreachable(self._api, f"{answer.status_code} {_said(answer)}")
        try:
            return str(uuid.UUID(answer.json()["id"]))
        except NOT_PREFECT as error:
            raise PrefectUnreachable(self._api, "its answer is not Prefect's") from error


def run_of(delivery: Delivery) -> dict[str, Any]:
    """The body of POST create_flow_run."""
    return {
        "parameters": {
            "environment": delivery.environment,
            "sha": delivery.sha,
            "reason": delivery.reason,
            "requested_by": delivery.actor,
            "request_id": delivery.request,
        },
        "idempotency_key": delivery.request,
        "tags": [TAG],
    }


def _authorization(auth: str | None) -> dict[str, str]:
    """RFC 7617."""
    return {"Authorization": f"Basic {base64.b64encode(auth.encode()).decode()}"} if auth else {}


def _said(answer: httpx.Response) -> str:
    """Prefect's own words, short: of its routes in one place, of what guards them in another."""
    try:
        told = answer.json()
        words = told["detail"] if "detail" in told else told["exception_message"]
    except (ValueError, LookupError, TypeError):
        words = answer.reason_phrase
    return one_line(str(words), LONGEST)


class _Csrf(httpx.Auth):
    """Where the server wants a token against request forgery, get one and ask again."""

    requires_response_body = True

    def __init__(self, api: str, headers: dict[str, str]) -> None:
        self._place, self._headers = f"{api}/csrf-token", headers
        self._client = str(uuid.uuid4())

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        answer = yield request
        if request.method == "GET" or answer.status_code != httpx.codes.FORBIDDEN:
            return
        told = yield httpx.Request(
            "GET", self._place, params={"client": self._client}, headers=self._headers
        )
        if token := _token(told):  # else what was told is the answer, and no answer to the request
            request.headers["Prefect-Csrf-Token"] = token
            request.headers["Prefect-Csrf-Client"] = self._client
            yield request


def _token(told: httpx.Response) -> str:
    """Empty where there is none in it."""
    try:
        token = told.json()["token"] if told.is_success else ""
    except NOT_PREFECT:
        return ""
    return token if isinstance(token, str) else ""
