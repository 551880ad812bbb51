"""What a clean child process does with an unpacked bundle: run with `python -I -S`, only the standard library around.

Prints one line of JSON: what could not be imported or made, which packages were loaded, and from where.
"""

import importlib
import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any


def main() -> None:
    """argv: JSON with `paths` (as Lambda orders them) and `functions` (folders)."""
    given = json.loads(sys.argv[1])
    sys.path[:0] = given["paths"]
    missing: dict[str, str] = {}
    started = time.process_time()
    modules = {}
    for name in given["functions"]:
        for target in targets_of(name):
            try:
                modules[target] = importlib.import_module(target)
            except Exception as error:  # noqa: BLE001 - whatever it is, the parent names it
                missing[target] = repr(error)
    seconds = time.process_time() - started
    loaded = sorted({name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names))
    for part in parts_of(modules):
        try:
            make(part)
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent names it
            missing[part] = repr(error)
    places = {file for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    sources = [file for file in places if file.endswith(".py") and file.startswith(tuple(given["paths"]))]
    compiled = [importlib.util.cache_from_source(file) for file in sources]
    print(
        json.dumps(
            {
                "missing": missing,
                "loaded": loaded,
                "seconds": seconds,
                "places": sorted(places),
                "uncompiled": sorted(path for path in compiled if not Path(path).is_file()),
                "parts": parts_of(modules),
            }
        ),
        flush=True,
    )
    os._exit(0)  # threads of pools still try an address where nobody listens


def targets_of(name: str) -> list[str]:
    """What a function loads, with its first requests too. The API's handler makes its application from the settings of
    a deployment when it is imported, so that stays out."""
    if name != "api":
        return [f"functions.{name}.handler"]
    routes = importlib.import_module("functions.api.resources").PLACES
    return ["mangum", *(f"functions.api.routes.{resource}" for resource in routes), "functions.api.app"]


def parts_of(modules: dict[str, ModuleType]) -> list[str]:
    """The names of the parts that the use cases of these handlers ask for."""
    import inspect

    found = set()
    for module in modules.values():
        for value in vars(module).values():
            if inspect.isfunction(value) and value.__module__.startswith("shared.usecases."):
                parameters = inspect.signature(value).parameters.values()
                found |= {one.name for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY}
    return sorted(found)


def make(part: str) -> Any:
    """The part as AwsServices makes it; one is read from Secrets Manager, so only its module is loaded."""
    if part == "schema":
        return importlib.import_module("shared.adapters.postgres.provision")
    made = getattr(_bound(), part)
    if part == "report_pages":
        importlib.import_module("shared.adapters.report_pdf.fonts").register_fonts()
    if part == "records":
        with _MADE[0].telemetry.span("any"):
            pass
    return made


def _bound() -> Any:
    from shared.domain.context import Actor
    from shared.settings import Settings, read_settings
    from shared.wiring.aws import AwsServices

    class Unconnected(AwsServices):
        """The key is the only thing that is fetched when services are made."""

        def _master_key(self, settings: Settings) -> bytes:
            return b"k" * 64

    if not _MADE:
        _MADE.append(Unconnected(read_settings(Settings)))
    return _MADE[0].bind(Actor(tenant_id="ten_00000000000000000000000000", actor_id="system", kind="system"))


_MADE: list[Any] = []

if __name__ == "__main__":
    main()
