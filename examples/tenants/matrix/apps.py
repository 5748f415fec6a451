import os

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate


def make_editors(sender, using, apps, **kwargs):
    """What a project registers for itself: a group of each tenant, with its permissions."""
    group = apps.get_model("auth", "Group").objects.using(using)
    permission = apps.get_model("auth", "Permission").objects.using(using)
    editors, _ = group.get_or_create(name="editors")
    editors.permissions.set(permission.filter(codename__startswith="change_"))


def keep_plan(sender, using, plan, **kwargs):
    """What a project may do before: it is given the plan."""
    with connections[using].cursor() as cursor:
        cursor.execute("create table if not exists matrix_plan (name text)")
        for migration, _ in plan:
            cursor.execute("insert into matrix_plan values (%s)", [str(migration)])


class MatrixConfig(AppConfig):
    name = "matrix"

    def ready(self):
        if "EDITORS" in os.environ:
            post_migrate.connect(make_editors, sender=self)
        if "PLANS" in os.environ:
            pre_migrate.connect(keep_plan, sender=self)
