"""The document describes every field: its type, its meaning, and of what is sent, its bounds."""

import pytest

from tests.api.document import DOCUMENT, IDENTIFIED

SCHEMAS = DOCUMENT["components"]["schemas"]
TYPED = {"type", "$ref", "anyOf", "oneOf", "allOf", "const", "enum"}
FIELDS = [
    (f"{name}.{field}", declared)
    for name, schema in SCHEMAS.items()
    for field, declared in schema.get("properties", {}).items()
]
PARAMETERS = [
    (f"{identified}.{parameter['name']}", parameter)
    for identified, (_, _, operation) in IDENTIFIED.items()
    for parameter in operation.get("parameters", ())
]
BODIES = {
    content["schema"]["$ref"].rpartition("/")[2]
    for _, _, operation in IDENTIFIED.values()
    for content in operation.get("requestBody", {"content": {}})["content"].values()
    if "$ref" in content["schema"]
}


def alternatives(schema):
    """What a value may be, of unions and references too; each with where in the document it stands."""
    if "$ref" in schema:
        return alternatives(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    several = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return [found for one in several for found in alternatives(one)] if several else [schema]


def unbounded(schema, where):
    """Every value that may be sent there without an end: texts and lists of any length, numbers of any size."""
    for one in alternatives(schema):
        match one.get("type"):
            case "string" if not {"maxLength", "format", "enum", "const", "pattern"} & one.keys():
                yield f"{where}: a text of any length"
            case "integer" if not (
                {"minimum", "exclusiveMinimum"} & one.keys() and {"maximum", "exclusiveMaximum"} & one.keys()
            ):
                yield f"{where}: a number of any size"
            case "array":
                if "maxItems" not in one:
                    yield f"{where}: a list of any length"
                yield from unbounded(one["items"], f"{where}[]")
            case "object":
                for name, declared in one.get("properties", {}).items():
                    yield from unbounded(declared, f"{where}.{name}")


def test_every_field_has_a_type_and_a_description():
    assert [name for name, declared in FIELDS if not TYPED & declared.keys()] == []
    assert [name for name, declared in FIELDS if not declared.get("description")] == []


def test_every_parameter_has_a_type_and_a_description():
    assert [name for name, parameter in PARAMETERS if not TYPED & parameter["schema"].keys()] == []
    assert [name for name, parameter in PARAMETERS if not parameter.get("description")] == []


def test_every_value_that_is_sent_is_bounded():
    in_bodies = [one for name in sorted(BODIES) for one in unbounded(SCHEMAS[name], name)]
    in_parameters = [one for name, parameter in PARAMETERS for one in unbounded(parameter["schema"], name)]
    assert in_bodies + in_parameters == []


@pytest.mark.parametrize("identified", [name for name, (_, _, one) in IDENTIFIED.items() if one["tags"] != ["service"]])
def test_every_operation_says_what_it_does(identified):
    _, _, operation = IDENTIFIED[identified]
    assert operation["summary"]
    assert operation["description"]
    assert "Raises" not in operation["description"]
