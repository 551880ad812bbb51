"""Bidders of the tenant (spec A45; DELETE is not built yet)."""

from functions.api.answers import Answer, created
from functions.api.caller import Asking
from functions.api.fields import Code, Input, JsonObject, Name, SupplierId
from functions.api.paging import Cursor, Limit, given, page
from functions.api.routing import new_router, route
from shared.domain.project_rows import Supplier
from shared.usecases.change_supplier import ChangeSupplier, change_supplier
from shared.usecases.create_supplier import CreateSupplier, create_supplier

router = new_router()


class NewSupplier(Input):
    """A bidder to create."""

    code: Code
    name: Name
    qualification: JsonObject | None = None
    risk_flags: JsonObject | None = None


class SupplierPatch(Input):
    """A merge patch: what is not sent stays."""

    name: Name = ""
    qualification: JsonObject | None = None
    risk_flags: JsonObject | None = None


@route(router, "POST", "/suppliers", "supplier.write", shows=Supplier, status=201, keyed=True, errors=("CODE_TAKEN",))
def post_supplier(caller: Asking, body: NewSupplier) -> Answer:
    """Create a supplier."""
    supplier = caller.run(create_supplier, CreateSupplier(**body.filled()))
    return created(supplier, location=f"/api/v1/suppliers/{supplier.supplier_id}", etag=supplier.row_version)


@route(router, "GET", "/suppliers", "supplier.read", lists=Supplier, errors=("REQ_CURSOR_INVALID",))
def get_suppliers(
    caller: Asking, code: Code | None = None, name: Name | None = None, limit: Limit = 20, cursor: Cursor = None
) -> Answer:
    """Suppliers, newest first."""
    filters = given(code=code, name=name)
    return page(
        caller,
        lambda before, count: caller.records.suppliers.list(filters=filters, before=before, limit=count),
        filters=filters,
        key="supplier_id",
        limit=limit,
        cursor=cursor,
    )


@route(router, "GET", "/suppliers/{supplier_id}", "supplier.read", shows=Supplier, errors=("SUPPLIER_NOT_FOUND",))
def get_supplier(caller: Asking, supplier_id: SupplierId) -> Answer:
    """One supplier."""
    supplier = caller.records.suppliers.get(supplier_id)
    return Answer(data=supplier, etag=supplier.row_version)


@route(
    router,
    "PATCH",
    "/suppliers/{supplier_id}",
    "supplier.write",
    shows=Supplier,
    match=True,
    errors=("SUPPLIER_NOT_FOUND",),
)
def patch_supplier(caller: Asking, supplier_id: SupplierId, body: SupplierPatch) -> Answer:
    """Change a supplier by JSON merge patch."""
    command = ChangeSupplier(supplier_id=supplier_id, patch=body.sent(), expected_row_version=caller.if_match)
    supplier = caller.run(change_supplier, command)
    return Answer(data=supplier, etag=supplier.row_version)
