"""Answers questions with a pool of models; what a name means is resolved here, how a model is asked is a source's matter."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from faas_toolkit.capabilities.models.conversation import asked_by
from faas_toolkit.capabilities.models.generation import Generation
from faas_toolkit.capabilities.models.order import ask_in_order, patience_of
from faas_toolkit.capabilities.models.port import Asked, CompileSchema, Deployment
from faas_toolkit.capabilities.models.structured import answer_as_json
from faas_toolkit.core.call import Answer, Call, Scope
from faas_toolkit.core.errors import NotFound
from faas_toolkit.core.fan_out import ask_each
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.inventory import Entry, Finding, source_finding
from faas_toolkit.core.operation import NEVER_KEPT, Traits
from faas_toolkit.core.stream import Stream
from faas_toolkit.core.untrusted import nearest, printable

FAMILY = "models"
"""A model is asked for something new each time."""

HOW_TO_ADD = """An administrator adds one in the provider's setting `catalog`, for example:
models:
  pools:
    chat:
      deployments:
        - {name: main, kind: openai, url: "https://models.example/v1", model: chat-large, auth: {bearer: "${secret:main}"}}
        - {name: house, kind: dify, provider: langgenius/openai/openai, model: gpt-4o-mini}
In a workflow, model_fallback needs no catalog: it takes two of Dify's models."""


@immutable(kw_only=True)
class Pool:
    """Deployments that answer the same questions, in the order in which they are asked."""

    name: str
    deployments: tuple[Deployment, ...]
    strategy: str = "ordered"
    max_wait: float = 5.0
    describe: str = ""


class ModelCapability:
    """Answers `model.generate`.

    Args:
        pools: of the catalog, by name, in its order.
        generation: asks one deployment.
        compile_schema: makes what checks an answer.
    """

    def __init__(self, *, pools: Mapping[str, Pool], generation: Generation, compile_schema: CompileSchema) -> None:
        self._pools = pools
        self._generation = generation
        self._compile_schema = compile_schema

    def __call__(self, call: Call) -> Answer | Stream:
        """The answer as a stream; whole, where it has to fit a schema.

        Raises:
            NotFound: no pool of that name in this caller's scope, or none at all.
            InvalidInput: the messages or the schema are none.
            Failure: what the last of the pool's deployments came to, or all of them.
        """
        pool = self._resolve(call.arguments["pool"], call.scope)
        asked = asked_by(call.arguments)
        patience = patience_of(call, pool.max_wait)

        def ask(asked: Asked, call: Call = call) -> Stream:
            return ask_in_order(self._generation, pool.deployments, asked, call, patience)

        schema = call.arguments["json_schema"]
        if not isinstance(schema, Mapping):
            return ask(asked)
        total = call.deadlines.total  # the repair's first content is due when everything is: the first answer's came in time
        later = replace(call, deadlines=replace(call.deadlines, first_content=total))
        return answer_as_json(ask, lambda asked: ask(asked, later), asked, schema, self._compile_schema)

    def traits(self, call: Call) -> Traits:
        """Never kept."""
        return NEVER_KEPT

    def entries(self, scope: Scope) -> Iterator[Entry]:
        """The pools of this scope."""
        for pool in self._visible(scope):
            yield Entry(
                family=FAMILY,
                name=pool.name,
                kind=pool.strategy,
                use=f"model_generate pool={pool.name}",
                description=pool.describe or f"Models: {', '.join(each.model for each in pool.deployments)}.",
            )

    def findings(self, call: Call) -> Iterator[Finding]:
        """Whether each deployment of the scope can be reached; nothing is generated."""
        deployments = [each for pool in self._visible(call.scope) for each in pool.deployments]
        yield from ask_each(deployments, lambda deployment: _finding(deployment, call))

    def _visible(self, scope: Scope) -> Iterator[Pool]:
        if scope.grants_operation("model.use"):
            yield from (pool for pool in self._pools.values() if scope.allows(FAMILY, pool.name))

    def _resolve(self, name: object, scope: Scope) -> Pool:
        visible = {pool.name: pool for pool in self._visible(scope)}
        if name is None and visible:
            return next(iter(visible.values()))
        if isinstance(name, str) and name in visible:
            return visible[name]
        if not self._pools:
            raise NotFound("This workspace has no pool of models yet.", hint=HOW_TO_ADD)
        if not visible:
            raise NotFound(
                "You may use no pool of models.",
                hint="An administrator names what you may use in the catalog, under your role's `models`.",
            )
        close = nearest(str(name), visible)
        meant = f"Did you mean {close!r}? " if close else ""
        raise NotFound(
            f"You may use no pool of models named {printable(name)!r}.",
            hint=f"{meant}You may use: {', '.join(list(visible)[:30])}.",
        )


def _finding(deployment: Deployment, call: Call) -> Finding:
    pool = deployment.name.partition(".")[0]
    return source_finding(f"model:{deployment.name}", deployment.source.check, call=call, key=f"models.pools.{pool}")
