"""The program for the inside as one file that any Python runs: a zipapp."""

import io
import zipfile
from functools import cache
from importlib.resources import files

PACKAGE = "fairlead_inside"
PATH = "/fairlead-inside.pyz"
START = f"from {PACKAGE}.main import run\nrun()\n"


@cache
def zipapp() -> bytes:
    """https://docs.python.org/3/library/zipapp.html#the-python-zip-application-archive-format"""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__main__.py", START)
        for source in sorted(files(f"{__package__}.inside").iterdir(), key=lambda one: one.name):
            if source.name.endswith(".py"):
                archive.writestr(f"{PACKAGE}/{source.name}", source.read_text())
    return buffer.getvalue()
