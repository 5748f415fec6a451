"""What fairlead.toml may hold: the models of fairlead/config, each as a table of keys."""

import ast
import inspect
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import annotated_types
from pydantic.fields import FieldInfo

from fairlead.config import Config, MaskingRule, kinds
from scripts.reference.markdown import cell, table

HEAD = """\
# Configuration

<!-- Made by `make reference` from fairlead/config: change it there. -->

`fairlead.toml` says what a project is and where it runs. It is the file that `--config` or
`FAIRLEAD_CONFIG` names, else the one in the working directory. `fairlead init` writes one to start
from, `fairlead check` tells every mistake in it at once. A key that is not on this page is refused.

An environment variable goes over the file: `FAIRLEAD__REGISTRY__HOST=registry.example.com` sets
`host` in `[registry]`. Its value is TOML, or else text.

- A **name** is made of small letters, digits and dashes, begins with a letter, and has 31 of them
  at most: it becomes part of the names of containers.
- A **secret reference** is `env:NAME`, `file:path` or `prefect:block-name`, never the secret
  itself: [secrets](../guides/secrets.md).
- **Seconds** are a number above 0 and up to 86400.
- An **engine** is Docker's: `unix:///var/run/docker.sock`, or `ssh://user@host`.
- A **list** or **table** with a link has a section of its own on this page.
"""
TAIL = """\
## Environment variables

| variable | what it says |
|---|---|
| `FAIRLEAD_CONFIG` | where fairlead.toml is |
| `FAIRLEAD_STORE_URL` | the PostgreSQL that keeps the history; without it, an embedded one |
| `FAIRLEAD_HOME` | Fairlead's own folder: the embedded store, backups without a `place`; \
else `fairlead` in `XDG_DATA_HOME`, `~/.local/share` where that is not set |
| `PREFECT_API_URL` | the Prefect that makes releases; without one in the environment or Prefect's \
profile, they run in a process of their own |
| `PREFECT_API_AUTH_STRING` | name and password for it |
| `PREFECT_UI_URL` | where people find its pages: the receiver answers GitHub with the page of the \
run |
"""
NAMED: tuple[tuple[Any, str], ...] = (
    (kinds.SecretReference, "secret reference"),
    (kinds.EngineAddress, "engine"),
    (kinds.SshAddress, "`ssh://user@host`"),
    (kinds.FreezeWindow, "window"),
    (kinds.BackupPlace, "folder or bucket"),
    (kinds.TimeZone, "time zone"),
    (kinds.Cron, "cron"),
    (kinds.Name, "name"),
    (kinds.UrlPath, "path"),
    (kinds.EnvName, "variable"),
    (kinds.Repository, "`owner/name`"),
    (kinds.Login, "login"),
    (kinds.Port, "port"),
    (kinds.Seconds, "seconds"),
    (MaskingRule, "rule"),
    (bool, "`true` or `false`"),
    (int, "whole number"),
    (float, "number"),
    (str, "text"),
)
LIMITS = (
    (annotated_types.Ge, "ge", "from {}"),
    (annotated_types.Gt, "gt", "above {}"),
    (annotated_types.Le, "le", "to {}"),
)


def config() -> str:
    return "\n".join([HEAD, *_section(Config, "", many=False), TAIL]).rstrip() + "\n"


def _section(model: type[kinds.Model], path: str, *, many: bool) -> Iterator[str]:
    """The keys of one model, then the models below it."""
    yield f"## {f'`{_header(path, many=many)}`' if path else 'At the top'}"
    yield ""
    yield from (inspect.getdoc(model) or "", "")
    hints, words = get_type_hints(model, include_extras=True), _words_of(model)
    yield from table(
        ("key", "value", "default", "what it says"),
        [
            (
                f"`{field.alias or key}`",
                _value(hints[key], field, _below(path, key)),
                _default(field),
                words(key),
            )
            for key, field in model.model_fields.items()
        ],
    )
    for key, hint in hints.items():
        if key in model.model_fields and (found := _model(hint)):
            below, is_list, is_table = found
            here = _below(path, key) + (".NAME" if is_table else "")
            yield from _section(below, here, many=is_list)


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _header(path: str, *, many: bool) -> str:
    return f"[[{path}]]" if many else f"[{path}]"


def _words_of(model: type[kinds.Model]) -> Callable[[str], str]:
    """Gives the text under a key. Pydantic would read it too (`use_attribute_docstrings`), at each
    start of the command."""
    (found,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(found, ast.ClassDef)
    words = {}
    for key, text in zip(found.body, found.body[1:], strict=False):
        if isinstance(key, ast.AnnAssign) and isinstance(text, ast.Expr):
            assert isinstance(key.target, ast.Name)
            words[key.target.id] = cell(ast.literal_eval(text.value))

    def of(key: str) -> str:
        assert key in words, f"fairlead/config says nothing under {model.__name__}.{key}"
        return words[key]

    return of


def _model(hint: Any) -> tuple[type[kinds.Model], bool, bool] | None:
    """The model in a key's type, whether it is a list of them, and whether a table of them."""
    if inspect.isclass(hint) and issubclass(hint, kinds.Model):
        return None if hint is MaskingRule else (hint, False, False)
    for inner in get_args(hint):
        if found := _model(inner):
            model, is_list, is_table = found
            return model, is_list or get_origin(hint) is tuple, is_table or _is_table(hint)
    return None


def _is_table(hint: Any) -> bool:
    origin = get_origin(hint)
    return inspect.isclass(origin) and issubclass(origin, Mapping)


def _value(hint: Any, field: FieldInfo, path: str) -> str:
    if found := _model(hint):
        _, is_list, is_table = found
        header = _header(path + (".NAME" if is_table else ""), many=is_list)
        return f"[{'list' if is_list else 'tables' if is_table else 'table'}](#{_anchor(header)})"
    own = () if get_origin(hint) is Annotated else field.metadata
    return cell(" ".join(filter(None, [_kind(hint), _limits(own)])))


def _anchor(header: str) -> str:
    """As GitHub makes it of a heading."""
    return "".join(one for one in header.lower() if one.isalnum() or one in "-_ ").replace(" ", "-")


def _kind(hint: Any) -> str:
    """A type as people say it."""
    for known, name in NAMED:
        if hint == known:
            return name
    inner = [one for one in get_args(hint) if one not in (types.NoneType, Ellipsis)]
    origin = get_origin(hint)
    if origin is Annotated:
        limits = [limit for one in inner[1:] for limit in getattr(one, "metadata", ())]
        return " ".join(filter(None, [_kind(inner[0]), _limits(limits)]))
    if origin is Literal:
        *others, last = (f"`{_toml(one)}`" for one in inner)
        return f"{', '.join(others)} or {last}"
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(one) for one in inner)
    if origin is tuple:
        return f"list of {_plural(_kind(inner[0]))}"
    assert _is_table(hint), f"there are no words for {hint}"
    return f"table of {_plural(_kind(inner[1]))}"


def _plural(kind: str) -> str:
    return kind if kind.startswith(("text", "`", "list", "number")) else f"{kind}s"


def _limits(metadata: Iterable[Any]) -> str:
    """`from 1 to 64`."""
    given = list(metadata)
    return " ".join(
        words.format(getattr(one, name))
        for kind, name, words in LIMITS
        for one in given
        if isinstance(one, kind)
    )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.default
    return "" if value is None or isinstance(value, kinds.Model) else f"`{_toml(value)}`"


def _toml(value: Any) -> str:
    """A default as the file would have it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case int() | float():
            return str(value)
        case tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case kinds.Model() | Mapping():
            return "{}"
    raise TypeError(f"{value!r} is no default that this knows how to write")
