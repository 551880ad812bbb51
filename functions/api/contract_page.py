"""The contract as one HTML page without scripts or foreign hosts, so it also shows where there is no network."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

router = APIRouter(include_in_schema=False)
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2433}
code,pre{font:13px/1.45 ui-monospace,monospace}summary{cursor:pointer;padding:.35rem 0}pre{background:#f3f5f8;
padding:.7rem;overflow:auto;border-radius:6px}b.m{display:inline-block;min-width:4.2rem}.r{color:#5b6577}
h2{margin-top:2rem;border-bottom:1px solid #d8dde6}"""
HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


@router.get("/docs")
def get_docs(request: Request) -> HTMLResponse:
    """Every route with its roles, input, answers and errors."""
    return HTMLResponse(html_page(request.app.openapi()), headers=HEADERS)


def html_page(schema: Mapping[str, Any]) -> str:
    """The OpenAPI document as HTML, grouped by tag; schemas are shown as JSON."""
    groups: dict[str, list[str]] = {}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            shown = "".join(_operation(method.upper(), path, operation))
            groups.setdefault(operation["tags"][0], []).append(shown)
    body = "".join(f"<h2>{escape(tag.replace('_', ' '))}</h2>{''.join(routes)}" for tag, routes in groups.items())
    models = "".join(
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>{_json(model)}</details>'
        for name, model in sorted(schema["components"]["schemas"].items())
    )
    title = f"{schema['info']['title']} {schema['info']['version']}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
        f'<h1>{escape(title)}</h1><p>The same as <a href="/openapi.json">OpenAPI 3.1</a>. Send '
        f"<code>Authorization: Bearer</code> with a token.</p>{body}<h2>schemas</h2>{models}</html>"
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    roles = " ".join(operation.get("x-roles", [])) or "anyone"
    yield f'<details><summary><b class="m">{method}</b> <code>{escape(path)}</code> '
    yield f'<span class="r">{escape(operation.get("summary", ""))} ({roles})</span></summary>'
    for parameter in operation.get("parameters", []):
        needed = ", required" if parameter.get("required") else ""
        yield f"<p><code>{escape(parameter['name'])}</code> in {parameter['in']}{needed}</p>"
        yield _json(parameter["schema"])
    content = operation.get("requestBody", {}).get("content", {})
    for media_type, part in content.items():
        yield f"<p>body {escape(media_type)}</p>{_json(part['schema'])}"
    for status, answer in operation["responses"].items():
        yield f"<p><b>{status}</b> {escape(answer['description'])}</p>"
        for part in answer.get("content", {}).values() if status.startswith("2") else ():
            yield _json(part["schema"])
    yield "</details>"


def _json(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, indent=1, ensure_ascii=False))}</pre>"
