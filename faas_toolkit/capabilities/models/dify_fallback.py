"""Two models that are set up in Dify, the second where the first does not answer: needs no catalog."""

from collections.abc import Mapping
from dataclasses import replace

from faas_toolkit.capabilities.models.conversation import asked_by
from faas_toolkit.capabilities.models.generation import Generation
from faas_toolkit.capabilities.models.order import ask_in_order, patience_of
from faas_toolkit.capabilities.models.port import Deployment
from faas_toolkit.capabilities.models.sources.dify import DifyModel
from faas_toolkit.core.call import Call
from faas_toolkit.core.operation import NEVER_KEPT, Traits
from faas_toolkit.core.outbound import LimitLine, Target
from faas_toolkit.core.stream import Stream

_MINUTE = 60.0
_MAX_WAIT = 5.0
_LONGEST = 230.0
"""For what stands around another target, whose own timeout holds."""

type DifyName = tuple[str, str]
"""Provider and model."""


class DifyFallback:
    """Answers `model.fallback`.

    Args:
        generation: asks one deployment.
        targets: of the catalog's deployments of kind `dify`: what it limits stays limited here, too.
    """

    def __init__(self, *, generation: Generation, targets: Mapping[DifyName, Target]) -> None:
        self._generation = generation
        self._targets = targets

    def __call__(self, call: Call) -> Stream:
        """The answer of the first of both that begins to answer; raises what they came to otherwise."""
        arguments = call.arguments
        deployments = [self._deployment(arguments[name], call) for name in ("model", "fallback_model")]
        return ask_in_order(self._generation, deployments, asked_by(arguments), call, patience_of(call, _MAX_WAIT))

    def traits(self, call: Call) -> Traits:
        """Never kept."""
        return NEVER_KEPT

    def _deployment(self, selected: object, call: Call) -> Deployment:
        chosen = selected if isinstance(selected, Mapping) else {}
        provider, model, parameters = str(chosen["provider"]), str(chosen["model"]), chosen.get("completion_params")
        target = self._targets.get((provider, model)) or Target(id=f"model:{provider}/{model}", attempts=1)
        seconds = call.arguments["timeout_seconds"]
        if isinstance(seconds, (int, float)):
            target = replace(target, timeout=min(target.timeout, float(seconds)))
        source = DifyModel(
            provider=provider,
            model=model,
            mode=str(chosen.get("mode") or "chat"),
            parameters=dict(parameters) if isinstance(parameters, Mapping) else None,
        )
        return Deployment(
            name=f"{provider}/{model}", model=model, source=source, target=target, also=_limits(call, provider, model)
        )


def _limits(call: Call, provider: str, model: str) -> Target | None:
    """What the builder of the app allows; counted for each app, model and pair of limits."""
    requests, tokens = call.arguments["requests_per_minute"], call.arguments["tokens_per_minute"]
    lines = []
    if isinstance(requests, int):
        lines.append(LimitLine("requests", requests, _MINUTE))
    if isinstance(tokens, int):
        lines.append(LimitLine("tokens", tokens, _MINUTE))
    if not lines:
        return None
    name = f"app:{call.origin.app_id or ''}:{provider}/{model}:{requests or ''}/{tokens or ''}"
    return Target(id=name, limits=tuple(lines), breaker=None, timeout=_LONGEST, attempts=1)
