"""What Django does before and after the migrations of one schema."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, List, Sequence

# Others may do something else in the receivers that are known here: they are called then.
TRIED = ((4, 2), (5, 0), (5, 1), (5, 2), (6, 0), (6, 1))


def connect() -> None:
    """As the migrate command does it: receivers are registered where these are imported."""
    from django.apps import apps
    from django.utils.module_loading import module_has_submodule

    for app in apps.get_app_configs():
        if module_has_submodule(app.module, "management"):
            import_module(".management", app.name)


def before(executor: Any, connection: Any, plan: Sequence[Any], backwards: bool = False) -> Any:
    """Send pre_migrate, which puts operations into the plan; the state before the migrations."""
    from django.core.management.sql import emit_pre_migrate_signal

    state = executor._create_project_state(with_applied_migrations=True)
    emit_pre_migrate_signal(1, False, connection.alias, **_arguments(state.apps, plan, backwards))
    return state


def after(connection: Any, apps: Any, plan: Sequence[Any], backwards: bool = False) -> None:
    from django.core.management.sql import emit_post_migrate_signal

    emit_post_migrate_signal(1, False, connection.alias, **_arguments(apps, plan, backwards))


def all_known(plan: Sequence[Any]) -> bool:
    """True where nobody but Django's own content types and permissions listens after. What renames
    permissions (from Django 6.1 on) has nothing to do where no model is renamed."""
    from django.db.migrations import RenameModel
    from django.db.models.signals import post_migrate

    operations = [operation for migration in plan for operation in migration.operations]
    renames = any(isinstance(operation, RenameModel) for operation in operations)
    idle = [] if renames else ["rename_permissions_after_model_rename"]
    return _only(post_migrate, ["create_contenttypes", "create_permissions", *idle])


def none_strange_before() -> bool:
    """True where nobody but Django's own content types listens before."""
    from django.db.models.signals import pre_migrate

    return _only(pre_migrate, ["inject_rename_contenttypes_operations"])


def rendered(state: Any) -> Any:
    """The apps for post_migrate, made as Django's migrate command makes them."""
    from django.apps import apps as real
    from django.db.migrations.state import ModelState

    state.clear_delayed_apps_cache()
    apps = state.apps
    with apps.bulk_update():
        keys = [(model.app_label, model.name_lower) for model in apps.real_models]
        for key in keys:
            apps.unregister_model(*key)
    apps.render_multiple([ModelState.from_model(real.get_model(*key)) for key in keys])
    return apps


def _arguments(apps: Any, plan: Sequence[Any], backwards: bool) -> Any:
    from django.core.management.base import OutputWrapper

    steps = [(migration, backwards) for migration in plan]
    return {"stdout": OutputWrapper(sys.stdout), "apps": apps, "plan": steps}


def _only(signal: Any, known: List[str]) -> bool:
    import django
    from django.apps import apps

    names = {
        f"{receiver.__module__}.{getattr(receiver, '__name__', '')}"
        for app in apps.get_app_configs()
        for receiver in _receivers(signal, app)
    }
    homes = ("django.contrib.contenttypes.management", "django.contrib.auth.management")
    return django.VERSION[:2] in TRIED and names <= {
        f"{home}.{name}" for home in homes for name in known
    }


def _receivers(signal: Any, sender: Any) -> List[Any]:
    """Those that return nothing to wait for, and from Django 5.0 on the asynchronous ones too."""
    found = signal._live_receivers(sender)
    return [one for part in found for one in part] if isinstance(found, tuple) else found
