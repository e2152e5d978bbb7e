"""Whether the document that is named is valid OpenAPI, and each of its examples is what its schema says.

Prints what is wrong, and ends with 1 where anything is.
"""

import json
import sys
from pathlib import Path

import schemathesis
from jsonschema_rs import Draft202012Validator


def media_types(node):
    """Everything that has a schema and examples of it."""
    if isinstance(node, dict):
        if "schema" in node:
            yield node
        for child in node.values():
            yield from media_types(child)
    elif isinstance(node, list):
        for child in node:
            yield from media_types(child)


def examples(node):
    if "example" in node:
        yield node["example"]
    for example in node.get("examples", {}).values():
        yield example["value"]


document = json.loads(Path(sys.argv[1]).read_text())
schemathesis.openapi.from_dict(document).validate()

wrong = []
seen = 0
for node in media_types(document):
    # References point into the components.
    schema = Draft202012Validator({**node["schema"], "components": document["components"]}, validate_formats=True)
    for example in examples(node):
        seen += 1
        wrong += [f"{error.message}\n  in {json.dumps(example)}" for error in schema.iter_errors(example)]
print(*wrong, sep="\n")
sys.exit(bool(wrong) or not seen)
