"""What Schemathesis is told beside its settings."""

import openapi_spec_validator
import schemathesis

# What only the server knows, and calls a bad request: by operation, the beginnings of the pointers to it.
KNOWN_TO_THE_SERVER = {
    "signUrl": ("/expires", "/key"),
    "beginJob": ("/recipes/", "/matrix/"),
    "getAssetContent": ("/query/w",),
}


@schemathesis.hook
def before_load_schema(ctx, raw_schema):
    """The description is OpenAPI: whatever generates a client of it can read it."""
    openapi_spec_validator.validate(raw_schema)
    # Schemathesis cannot hold files against alternatives ("Unsupported type: 'Binary'"): of forms it sends one kind.
    raw_schema["components"]["schemas"]["Upload"] = {"$ref": "#/components/schemas/ImageUpload"}


@schemathesis.check
def what_is_described_is_understood(ctx, response, case):
    """A request that is as described may have a recipe, metadata or a file that cannot be used; it is no bad request."""
    if response.status_code != 400 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    problem = response.json()
    allowed = KNOWN_TO_THE_SERVER.get(case.operation.definition.raw["operationId"], ())
    if problem["type"].endswith("#problem-bad-request") and not problem.get("pointer", "").startswith(allowed):
        raise AssertionError(f"what is described is refused: {problem['detail']}")
