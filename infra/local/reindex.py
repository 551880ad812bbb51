"""Build a tenant's search index anew on this machine, while the product runs or not (spec R57, runbook reindex.md).

python -m infra.local.reindex TENANT                    a new generation beside the searched one, then the switch
python -m infra.local.reindex TENANT --action back      back to the one that was searched before
python -m infra.local.reindex TENANT --action abandon   give up the one being built
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from functions.entry import call
from infra.local.product import prepare
from shared.domain.context import Actor
from shared.domain.errors import Refused
from shared.ports.index_records import GenerationRows
from shared.settings import LocalOptions, Settings, read_settings
from shared.usecases.reindex_tenants import ReindexTenants, reindex_tenants
from shared.wiring.local import LocalServices


def reindex(settings: Settings, order: ReindexTenants, show: Callable[[str], None] = print) -> bool:
    """Go on until nothing is left to do for the tenant; False when a turn ended with an error.

    Interrupted it is continued by the next call or by the product's own schedule."""
    services = LocalServices(settings)
    try:
        parts = services.bind(Actor(tenant_id="", actor_id="system:operator", kind="system"))
        rows = parts.records_of(order.tenant_id).chunks.generations
        command = order
        while True:
            (swept,) = call(reindex_tenants, command, parts).sweeps
            show(_told(rows, swept.error_code))
            if swept.error_code is not None:
                return False
            if rows.building() is None:
                return True
            command = ReindexTenants()
    finally:
        services.close()


def _told(rows: GenerationRows, error_code: str | None) -> str:
    building = rows.building()
    words = "" if building is None else f", building {building.number} up to {building.checked_to or 'no document'}"
    return f"searched: generation {rows.searched()}{words}" + (f"; {error_code}" if error_code else "")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; ends with 1 after an error."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.reindex", description=__doc__)
    parser.add_argument("tenant", help="tenant id")
    parser.add_argument("--action", choices=("begin", "back", "abandon"), default="begin")
    given = parser.parse_args(arguments)
    settings = prepare(read_settings(LocalOptions)).settings
    try:
        done = reindex(settings, ReindexTenants(tenant_id=given.tenant, action=given.action))
    except Refused as error:
        sys.exit(f"{error.code}: {error}")
    sys.exit(0 if done else 1)


if __name__ == "__main__":
    main()
