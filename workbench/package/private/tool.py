"""One function of a catalog as a tool: its YAML, and the file that hands its parameters on."""

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.package.private.parameters import TypedParameter, parameters_of
from workbench.package.rules.language import LANGUAGES

_LONGEST_DESCRIPTION = 1_024
_LONGEST_TEXT = 1_000

_CODE = '''"""Runs the function {function} of the packaged catalog."""

from collections.abc import Generator
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities.tool import ToolInvokeMessage

from faas_toolkit.dify import adapter


class {class_name}(Tool):
    """Hands its parameters on."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage]:
        yield from adapter.{call}
'''

_EFFECTS = {
    "none": "It changes nothing.",
    "idempotent": "It changes something; repeating the same call changes nothing more.",
    "once": "It changes something each time: give the same idempotency_key when you repeat a call.",
}

_VARIABLE_TYPES = {"integer": "number", **{kind: kind for kind in ("object", "array", "string", "number", "boolean")}}
"""Of Dify's variables, by the types of JSON Schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedTool:
    """One function, as a tool of that name."""

    name: str
    function: str
    section: Mapping[str, Any]
    """The function's section of the catalog."""
    general: Mapping[str, Any]
    """The YAML of `function_call`, whose shared parameters and variables every tool has."""

    @property
    def describe(self) -> str:
        """What the function does, as its administrator wrote it."""
        return str(self.section.get("describe") or f"Runs the function {self.function}").strip()

    @property
    def parameters(self) -> list[TypedParameter]:
        """One for each argument that the schema names."""
        return parameters_of(self.section.get("arguments") or {})

    def declaration(self, author: str) -> dict[str, Any]:
        """The tool's YAML."""
        effects = str(self.section.get("effects", "none"))
        typed = [_declared(parameter) for parameter in self.parameters] or [self._shared("arguments")]
        kept = (["idempotency_key"] if effects != "none" else []) + ["identity_token", "on_error"]
        return {
            "identity": {"author": author, "name": self.name, "label": same_in_all(title(self.name))},
            "description": {"human": same_in_all(self.describe), "llm": self._for_models(_EFFECTS[effects])},
            "parameters": typed + [self._shared(name) for name in kept],
            "output_schema": self._variables(),
            "extra": {"python": {"source": f"tools/{self.name}.py"}},
        }

    def code(self) -> str:
        """The tool's file."""
        words = "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", self.name))
        class_name = f"{'' if words[:1].isalpha() else 'Function'}{words}Tool"
        return _CODE.format(function=self.function, class_name=class_name, call=self._call())

    def _call(self) -> str:
        typed = self.parameters
        if not typed:
            return f'run(self, "function.call", {{**tool_parameters, "function": {_literal(self.function)}}})'
        options = [f"run_function(self, {_literal(self.function)}, tool_parameters"]
        if texts := tuple(parameter.name for parameter in typed if parameter.holds_json):
            options.append(f"json=({', '.join(map(_literal, texts))},)")
        if renamed := {parameter.name: parameter.argument for parameter in typed if parameter.name != parameter.argument}:
            pairs = ", ".join(f"{_literal(name)}: {_literal(argument)}" for name, argument in renamed.items())
            options.append(f"renamed={{{pairs}}}")
        return f"{', '.join(options)})"

    def _for_models(self, effects: str) -> str:
        refused = "Arguments that do not fit are refused with the reason, and nothing runs."
        said = self.describe if self.describe[-1] in ".。!?" else f"{self.describe}."
        return _fitting([said, effects, refused], _LONGEST_DESCRIPTION)

    def _shared(self, name: str) -> dict[str, Any]:
        return next(copy.deepcopy(parameter) for parameter in self.general["parameters"] if parameter["name"] == name)

    def _variables(self) -> dict[str, Any]:
        """Those of function_call; `data` with the function's own shape, so that a workflow can choose what is inside."""
        schema: dict[str, Any] = copy.deepcopy(dict(self.general["output_schema"]))
        result = self.section.get("result") or {}
        kind = _VARIABLE_TYPES.get(str(result.get("type")))
        if kind and "$ref" not in json.dumps(result, default=str):
            schema["properties"]["data"] = {**schema["properties"]["data"], **result, "type": kind}
        return schema


def same_in_all(text: str) -> dict[str, str]:
    """A text of an administrator, who wrote it in one language, for all of Dify's."""
    return dict.fromkeys(LANGUAGES, text[:_LONGEST_TEXT])


def title(name: str) -> str:
    """`churn_score` as `Churn score`."""
    words = re.sub(r"[_-]+", " ", name).strip() or name
    return words[:1].upper() + words[1:]


def _declared(parameter: TypedParameter) -> dict[str, Any]:
    declared: dict[str, Any] = {
        "name": parameter.name,
        "type": parameter.kind,
        "required": parameter.required,
        "form": "llm",
        "label": same_in_all(title(parameter.argument if parameter.argument.strip() else parameter.name)),
        "human_description": same_in_all(f"{parameter.description}. {parameter.form}"),
        "llm_description": parameter.llm_description,
    }
    if parameter.options:
        declared["options"] = [{"value": option, "label": same_in_all(option)} for option in parameter.options]
    for bound, keyword in (("min", "minimum"), ("max", "maximum")):
        if parameter.kind == "number" and keyword in parameter.schema:
            declared[bound] = parameter.schema[keyword]
    return declared


def _fitting(sentences: Sequence[str], longest: int) -> str:
    """As many of the sentences as fit, from the first."""
    text = sentences[0][:longest]
    for sentence in sentences[1:]:
        text = f"{text} {sentence}" if len(text) + len(sentence) < longest else text
    return text


def _literal(text: str) -> str:
    """A Python literal in double quotes."""
    return json.dumps(text, ensure_ascii=False)
