"""A GitHub on loopback, held to the description that GitHub publishes of its API.

Each request, and each answer that is not a refusal, has to fit github_openapi.json, which
scripts/cut-github-openapi cut out of it. Answers are GitHub's own examples with what matters put
in. What the description cannot say is from the pages that fairlead/github/calls.py names.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.contract.loopback import Answer, Asked, serving

TOKEN = "github_pat_contract_0123456789"
REPOSITORY = "octocat/shop"
LOGIN = "release-bot"  # whose token that is
JSON = {"Content-Type": "application/json; charset=utf-8"}
DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parent / "github_openapi.json").read_text(encoding="utf-8")
)
_SCHEMAS: Registry[Any] = Registry().with_resource(
    "urn:github", DRAFT202012.create_resource(DOCUMENT)
)


@dataclass
class FakeGitHub:
    """`repository` is the one there is; `commits` are those that were pushed, in order, each after
    the one before; `branches` are where each ends. `checks` and `statuses` by commit, newest
    first; `deployments` as GitHub lists them, each with its `statuses`; `comments` by the number of
    the pull request. `scripted` answers go out
    first, and those of `scripted_at` below a path; it `lasts` for so many answers, and is away
    then; `asked` collects; `broken` is what did not fit the description.
    """

    repository: str = REPOSITORY
    commits: list[str] = field(default_factory=list)
    branches: dict[str, str] = field(default_factory=dict)
    checks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    statuses: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    deployments: list[dict[str, Any]] = field(default_factory=list)
    told: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    scripted: list[Answer] = field(default_factory=list)
    scripted_at: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    lasts: int | None = None
    page: int = 100
    last: int = 1000

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if self.scripted:
            return self.scripted.pop(0)
        for place, answers in self.scripted_at.items():
            if asked.path.startswith(place) and answers:
                return answers.pop(0)
        if self.lasts == 0:
            return refused(503, "Service unavailable")
        self.lasts = None if self.lasts is None else self.lasts - 1
        return self.do(asked)

    def do(self, asked: Asked) -> Answer:
        if asked.headers.get("Authorization") != f"token {TOKEN}":
            return refused(401, "Bad credentials")
        if not asked.headers.get("User-Agent"):
            return refused(403, "Missing or invalid User Agent string.")
        if (asked.method, asked.path) == ("POST", "/graphql"):
            return self._viewer(asked)
        for path, methods in DOCUMENT["paths"].items():
            found = re.fullmatch(_pattern(path), asked.path)
            if found and asked.method.lower() in methods:
                return self._described(asked, path, found.groupdict())
        self.broken.append(f"{asked.method} {asked.target} is not described")
        return refused(404, "Not Found")

    def _viewer(self, asked: Asked) -> Answer:
        """The one question of GraphQL that is asked."""
        if json.loads(asked.body) != {"query": "{ viewer { login } }"}:
            self.broken.append(f"GraphQL was asked {asked.body!r}")
        answer = {"data": {"viewer": {"login": LOGIN}}}
        return Answer(200, JSON, json.dumps(answer).encode())

    def _described(self, asked: Asked, path: str, given: Mapping[str, str]) -> Answer:
        operation = DOCUMENT["paths"][path][asked.method.lower()]
        self.broken += _misfits(operation, path, asked)
        if f"{given['owner']}/{given['repo']}".lower() != self.repository.lower():
            return refused(404, "Not Found")
        status, answer = _OPERATIONS[operation["operationId"]](self, given, asked)
        if status < 400:
            where = (path, asked.method.lower(), "responses", str(status), *_CONTENT)
            self.broken += _unfit(where, answer)
        return Answer(status, JSON, json.dumps(answer).encode())

    def number(self) -> int:
        self.last += 1
        return self.last

    # -- what a test puts in -------------------------------------------------------------------

    def run_check(
        self, sha: str, name: str, conclusion: str | None = "success", status: str = "completed"
    ) -> None:
        id = self.number()
        made = {
            **_example("checks/list-for-ref")["check_runs"][0],
            "id": id,
            "name": name,
            "head_sha": sha,
            "status": status,
            "conclusion": conclusion,
            "html_url": f"https://github.com/{REPOSITORY}/runs/{id}",
        }
        self.checks.setdefault(sha, []).insert(0, made)

    def report(self, sha: str, context: str, state: str) -> None:
        """A commit status of somebody else."""
        self._keep_status(sha, {"context": context, "state": state, "target_url": None})

    def _keep_status(self, sha: str, given: Mapping[str, Any]) -> dict[str, Any]:
        made = {**_example("repos/create-commit-status"), **given, "id": self.number()}
        self.statuses.setdefault(sha, []).insert(0, made)
        return made

    # -- the operations ------------------------------------------------------------------------

    def get_repository(self, given: Mapping[str, str], _: Asked) -> tuple[int, Any]:
        made = _example("repos/get")
        # GitHub's own example lacks what its description requires.
        made["source"]["language"] = made["language"] = None
        return 200, {**made, "full_name": self.repository}

    def list_check_runs(self, given: Mapping[str, str], asked: Asked) -> tuple[int, Any]:
        if given["ref"] not in self.commits:
            return 422, _words(f"No commit found for SHA: {given['ref']}")
        found = self.checks.get(given["ref"], [])
        return 200, {"total_count": len(found), "check_runs": self._page(found, asked)}

    def get_status(self, given: Mapping[str, str], asked: Asked) -> tuple[int, Any]:
        latest: dict[str, dict[str, Any]] = {}
        for status in self.statuses.get(given["ref"], []):
            latest.setdefault(status["context"], status)
        found = list(latest.values())
        whole = _example("repos/get-combined-status-for-ref")
        page = self._page(found, asked)
        return 200, {**whole, "sha": given["ref"], "total_count": len(found), "statuses": page}

    def compare(self, given: Mapping[str, str], _: Asked) -> tuple[int, Any]:
        names = given["basehead"].split("...")
        if not set(names) <= set(self.commits):
            return 404, _words("Not Found")
        apart = self.commits.index(names[1]) - self.commits.index(names[0])
        whole = _example("repos/compare-commits-with-basehead")
        return 200, {**whole, "ahead_by": max(0, apart), "behind_by": max(0, -apart)}

    def get_ref(self, given: Mapping[str, str], _: Asked) -> tuple[int, Any]:
        ref = unquote(given["ref"])
        name = ref.removeprefix("heads/")
        if name == ref or name not in self.branches:
            return 404, _words("Not Found")
        made = _example("git/get-ref")
        made["object"]["sha"] = self.branches[name]
        return 200, {**made, "ref": f"refs/heads/{name}"}

    def get_commit(self, given: Mapping[str, str], _: Asked) -> tuple[int, Any]:
        if given["commit_sha"] not in self.commits:
            return 404, _words("Not Found")
        return 200, {**_example("git/get-commit"), "sha": given["commit_sha"]}

    def list_deployments(self, given: Mapping[str, str], asked: Asked) -> tuple[int, Any]:
        wanted = {key: asked.query[key][0] for key in ("sha", "environment", "task")}
        found = [
            made
            for made in self.deployments
            if all(made[key] == value for key, value in wanted.items())
        ]
        return 200, self._page(found, asked)

    def create_deployment(self, given: Mapping[str, str], asked: Asked) -> tuple[int, Any]:
        body = json.loads(asked.body)
        if body["ref"] not in self.commits:
            return 422, _words(f"No ref found for: {body['ref']}")
        made = {
            **_example("repos/create-deployment"),
            **{key: body[key] for key in ("ref", "task", "payload", "environment", "description")},
            "id": self.number(),
            "sha": body["ref"],
            "original_environment": body["environment"],
            "transient_environment": body["transient_environment"],
            "production_environment": body["production_environment"],
        }
        self.deployments.insert(0, made)
        return 201, made

    def list_deployment_statuses(self, given: Mapping[str, str], asked: Asked) -> tuple[int, Any]:
        deployment = int(given["deployment_id"])
        if deployment not in [made["id"] for made in self.deployments]:
            return 404, _words("Not Found")
        return 200, self._page(self.told.get(deployment, [])[::-1], asked)

    def create_deployment_status(self, given: Mapping[str, str], asked: Asked) -> tuple[int, Any]:
        deployment, body = int(given["deployment_id"]), json.loads(asked.body)
        if deployment not in [made["id"] for made in self.deployments]:
            return 404, _words("Not Found")
        if len(body.get("description", "")) > 140:
            return 422, _words("Validation Failed")
        if body.get("auto_inactive", True) and body["state"] == "success":
            self._deactivate(deployment)
        made = {**_example("repos/create-deployment-status"), **body, "id": self.number()}
        made = {key: value for key, value in made.items() if key != "auto_inactive"}
        self.told.setdefault(deployment, []).append(made)
        return 201, made

    def _deactivate(self, deployment: int) -> None:
        """What auto_inactive does to what was made before, in the same environment."""
        (new,) = [made for made in self.deployments if made["id"] == deployment]
        for made in self.deployments:
            older = made["id"] < deployment and made["environment"] == new["environment"]
            lasting = not (made["production_environment"] or made["transient_environment"])
            if older and lasting and self.state(made["id"]) == "success":
                example = _example("repos/create-deployment-status")
                self.told[made["id"]].append({**example, "state": "inactive"})

    def create_commit_status(self, given: Mapping[str, str], asked: Asked) -> tuple[int, Any]:
        body = json.loads(asked.body)
        if given["sha"] not in self.commits:
            return 422, _words(f"No commit found for SHA: {given['sha']}")
        if len(body.get("description") or "") > 140:
            return 422, _words("Validation Failed")
        return 201, self._keep_status(given["sha"], body)

    def list_comments(self, given: Mapping[str, str], asked: Asked) -> tuple[int, Any]:
        return 200, self._page(self.comments.get(int(given["issue_number"]), []), asked)

    def create_comment(self, given: Mapping[str, str], asked: Asked) -> tuple[int, Any]:
        id, body = self.number(), json.loads(asked.body)["body"]
        url = f"https://github.com/{REPOSITORY}/pull/{given['issue_number']}#issuecomment-{id}"
        if len(body) > 65_536:
            return 422, _words("Validation Failed")
        made = {**_example("issues/create-comment"), "id": id, "body": body, "html_url": url}
        made["user"]["login"] = LOGIN
        self.comments.setdefault(int(given["issue_number"]), []).append(made)
        return 201, made

    def update_comment(self, given: Mapping[str, str], asked: Asked) -> tuple[int, Any]:
        for one in (one for comments in self.comments.values() for one in comments):
            if one["id"] == int(given["comment_id"]):
                one["body"] = json.loads(asked.body)["body"]
                return 200, one
        return 404, _words("Not Found")

    def _page(self, found: list[Any], asked: Asked) -> list[Any]:
        size = min(self.page, int(asked.query.get("per_page", ["30"])[0]))
        first = (int(asked.query.get("page", ["1"])[0]) - 1) * size
        return found[first : first + size]

    # -- what a test looks at ------------------------------------------------------------------

    def state(self, deployment: int) -> str | None:
        states = self.states(deployment)
        return states[-1] if states else None

    def states(self, deployment: int) -> list[str]:
        return [str(status["state"]) for status in self.told.get(deployment, [])]


_OPERATIONS: dict[str, Callable[[FakeGitHub, Mapping[str, str], Asked], tuple[int, Any]]] = {
    "repos/get": FakeGitHub.get_repository,
    "checks/list-for-ref": FakeGitHub.list_check_runs,
    "repos/get-combined-status-for-ref": FakeGitHub.get_status,
    "repos/compare-commits-with-basehead": FakeGitHub.compare,
    "git/get-commit": FakeGitHub.get_commit,
    "git/get-ref": FakeGitHub.get_ref,
    "repos/list-deployments": FakeGitHub.list_deployments,
    "repos/create-deployment": FakeGitHub.create_deployment,
    "repos/list-deployment-statuses": FakeGitHub.list_deployment_statuses,
    "repos/create-deployment-status": FakeGitHub.create_deployment_status,
    "repos/create-commit-status": FakeGitHub.create_commit_status,
    "issues/list-comments": FakeGitHub.list_comments,
    "issues/create-comment": FakeGitHub.create_comment,
    "issues/update-comment": FakeGitHub.update_comment,
}
_CONTENT = ("content", "application/json", "schema")


def refused(status: int, message: str, **headers: str) -> Answer:
    return Answer(status, {**JSON, **headers}, json.dumps(_words(message)).encode())


def _words(message: str) -> dict[str, str]:
    return {"message": message, "documentation_url": "https://docs.github.com/rest"}


def _example(operation: str) -> dict[str, Any]:
    """GitHub's own answer, to be changed."""
    found: dict[str, Any] = json.loads(json.dumps(DOCUMENT["x-answers"][operation]))
    return found


def _pattern(path: str) -> str:
    return re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path))


def _misfits(operation: Mapping[str, Any], path: str, asked: Asked) -> Iterator[str]:
    """What in the request is not as described: a query or a body that nobody asks for, too."""
    here = f"{asked.method} {asked.path}"
    known = {one["name"]: one["schema"] for one in map(_resolved, operation["parameters"])}
    for name, (value, *_) in asked.query.items():
        if name not in known:
            yield f"{here}: the query has no {name}"
        else:
            plain = int(value) if known[name]["type"] == "integer" else unquote(value)
            yield from _errors(Draft202012Validator(known[name]), plain, f"{here}?{name}")
    if "requestBody" not in operation:
        if asked.body:
            yield f"{here}: takes no body"
        return
    where = (path, asked.method.lower(), "requestBody", *_CONTENT)
    body, schema = json.loads(asked.body), _schema_at(where)
    yield from _unfit(where, body)
    yield from (f"{here}: the body has no {name}" for name in set(body) - set(schema["properties"]))


def _resolved(parameter: Mapping[str, Any]) -> Mapping[str, Any]:
    name = parameter.get("$ref", "").rpartition("/")[2]
    return DOCUMENT["components"]["parameters"][name] if name else parameter


def _schema_at(where: tuple[str, ...]) -> Any:
    found: Any = DOCUMENT["paths"]
    for key in where:
        found = found[key]
    return found


def _unfit(where: tuple[str, ...], instance: Any) -> Iterator[str]:
    yield from _errors(_validator(where), instance, " ".join(where[:3]))


@cache
def _validator(where: tuple[str, ...]) -> Draft202012Validator:
    escaped = [key.replace("~", "~0").replace("/", "~1") for key in where]
    pointer = "/".join(escaped).replace("{", "%7B").replace("}", "%7D")
    return Draft202012Validator({"$ref": f"urn:github#/paths/{pointer}"}, registry=_SCHEMAS)


def _errors(validator: Draft202012Validator, instance: Any, what: str) -> Iterator[str]:
    for error in validator.iter_errors(instance):
        yield f"{what}: {error.json_path}: {error.message[:300]}"


@contextmanager
def running_github(**given: Any) -> Iterator[tuple[FakeGitHub, str]]:
    """The fake and the address of its API. Whatever did not fit the description fails the test."""
    fake = FakeGitHub(**given)
    with serving(fake.answer) as address:
        yield fake, f"http://{address}"
    assert fake.broken == []
