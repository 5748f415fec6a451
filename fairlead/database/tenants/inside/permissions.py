"""Content types and permissions for one tenant in two statements, as Django would leave them."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence, Tuple

from .steps import literal

CONTENT_TYPES = """
insert into {types} (app_label, model)
select wanted.app_label, wanted.model from {rows} wanted (app_label, model, place)
where not exists (select 1 from {types} had
  where had.app_label = wanted.app_label and had.model = wanted.model)
order by wanted.place"""
PERMISSIONS = """
insert into {permissions} (name, content_type_id, codename)
select wanted.name, had.id, wanted.codename
from {rows} wanted (app_label, model, codename, name, place)
join {types} had on had.app_label = wanted.app_label and had.model = wanted.model
where not exists (select 1 from {permissions} given
  where given.content_type_id = had.id and given.codename = wanted.codename)
order by wanted.place"""
RENAME = (
    "update {types} set model = {new} where app_label = {app} and model = {old} and not exists"
    " (select 1 from {types} had where had.app_label = {app} and had.model = {new})"
)


def script(connection: Any, apps: Any) -> Optional[str]:
    """For the tenant the connection is in; empty where it has neither, None where it has only one
    of the two tables: Django's own code has to see to that."""
    types, permissions = (
        _model(apps, "contenttypes", "ContentType"),
        _model(apps, "auth", "Permission"),
    )
    has = [_migrated(connection, model) for model in (types, permissions)]
    if has == [False, True]:
        return None
    models = _models(apps)
    if not has[0] or not models:
        return ""
    quote = connection.ops.quote_name
    names = {"types": quote(types._meta.db_table)}
    kinds = _in_order([(model._meta.app_label, model._meta.model_name) for model in models])
    whole = CONTENT_TYPES.format(rows=_rows(kinds), **names)
    if has[1]:
        names["permissions"] = quote(permissions._meta.db_table)
        rows = _permissions(models)
        whole += ";" + (PERMISSIONS.format(rows=_rows(rows), **names) if rows else "")
    return whole


def rename(operation: Any) -> str:
    """What RenameContentType does: the content type keeps its old name where the new one exists."""
    names = {"app": operation.app_label, "old": operation.old_model, "new": operation.new_model}
    given = {key: literal(value) for key, value in names.items()}
    return RENAME.format(types='"django_content_type"', **given)


def _model(apps: Any, label: str, name: str) -> Any:
    try:
        return apps.get_model(label, name)
    except LookupError:
        return None


def _migrated(connection: Any, model: Any) -> bool:
    from django.db import router

    return model is not None and bool(router.allow_migrate_model(connection.alias, model))


def _models(apps: Any) -> List[Any]:
    """In the order in which Django's own receivers see them."""
    from django.apps import apps as real

    found: List[Any] = []
    for app in real.get_app_configs():
        if app.models_module and app.label in apps.app_configs:
            found += apps.get_app_config(app.label).get_models()
    return found


def _in_order(kinds: List[Tuple[str, str]]) -> List[Tuple[str, str]]:
    """From Django 6 on the content types of an app are made by name, before by their models."""
    import django

    if django.VERSION < (6, 0):
        return kinds
    labels = list(dict.fromkeys(label for label, _ in kinds))
    return sorted(kinds, key=lambda kind: (labels.index(kind[0]), kind[1]))


def _permissions(models: List[Any]) -> List[Tuple[str, ...]]:
    from django.contrib.auth.management import _get_all_permissions

    return [
        (model._meta.app_label, model._meta.model_name, codename, str(name))
        for model in models
        for codename, name in _get_all_permissions(model._meta)
    ]


def _rows(rows: Sequence[Tuple[str, ...]]) -> str:
    """As columns: PostgreSQL plans a few arrays in half the time of as many rows, and reads one
    literal quicker than one for each value."""
    columns = (literal(_array(column)) for column in zip(*rows))  # noqa: B905 Python 3.8
    return f"unnest({', '.join(f'{column}::text[]' for column in columns)}) with ordinality"


def _array(values: Sequence[str]) -> str:
    """https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO"""
    escaped = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{{{}}}".format(",".join(f'"{value}"' for value in escaped))
