"""Calls functions of the catalog by their names; what a name means is resolved here, how it is asked is a platform's matter."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace

from faas_toolkit.capabilities.faas.config import HttpFunction, LambdaFunction
from faas_toolkit.capabilities.faas.json_schema import CompiledSchema
from faas_toolkit.capabilities.faas.port import OpenPlatform
from faas_toolkit.core.call import MAX_DEPTH, Answer, Call, Scope
from faas_toolkit.core.canonical import digest
from faas_toolkit.core.deadline import Deadline, Deadlines
from faas_toolkit.core.errors import BadResponse, Blocked, InvalidInput, NotFound
from faas_toolkit.core.fan_out import ask_each
from faas_toolkit.core.inventory import Entry, Finding, source_finding
from faas_toolkit.core.operation import NEVER_KEPT, Traits
from faas_toolkit.core.outbound import Attempt, Outbound, Target
from faas_toolkit.core.untrusted import nearest, printable
from faas_toolkit.platforms.port import Invocation, InvocationResult, Platform

FAMILY = "functions"

HOW_TO_ADD = """An administrator adds one in the provider's setting `catalog`, for example:
functions:
  score_customer:
    platform: http
    target: {url: "https://functions.example.com/score"}
    auth: {bearer: "${secret:score}"}
    describe: Scores how likely a customer is to leave (0 to 1)."""

_ACCEPTED = 202
"""A platform that was asked to wait may still only accept (OpenWhisk after 60 s, faas-platforms §1.11)."""
_REPEATABLE = {"none": 3, "idempotent": 3, "once": 1}
"""Attempts by effects; the outbound chain repeats nothing that may have had its effect."""
_SPARE_SECONDS = 5.0


class _Function:
    """One function, with what is made of its section once."""

    def __init__(self, name: str, config: HttpFunction | LambdaFunction, open_platform: OpenPlatform) -> None:
        self.name = name
        self.config = config
        self.arguments = CompiledSchema(config.arguments)
        self.result = CompiledSchema(config.result)
        self.target = config.to_target(f"function:{name}", attempts=config.max_attempts or _REPEATABLE[config.effects])
        self._open_platform = open_platform
        self._platform: Platform | None = None

    @property
    def platform(self) -> Platform:
        """The platform, made on first use."""
        if self._platform is None:
            self._platform = self._open_platform(self.name, self.config)
        return self._platform

    def require_result(self, data: object) -> None:
        """Raises `BadResponse` where the answer does not fit the section's `result`."""
        problems = self.result.problems(data)
        if problems:
            raise BadResponse(
                f"{self.name!r} answered something that its `result` schema does not allow: {'; '.join(problems)}.",
                hint="Its owner repairs the function, or the schema in the catalog.",
            )


class FunctionCapability:
    """Answers `function.call`, and calls functions for policies and other families.

    Args:
        functions: the catalog's section.
        open_platform: makes the platform of a function.
        outbound: the outbound chain.
    """

    def __init__(
        self, *, functions: Mapping[str, HttpFunction | LambdaFunction], open_platform: OpenPlatform, outbound: Outbound
    ) -> None:
        self._functions = {name: _Function(name, config, open_platform) for name, config in functions.items()}
        self._outbound = outbound
        self._numbers = itertools.count(1)

    def __call__(self, call: Call) -> Answer:
        """The function's answer.

        Raises:
            NotFound: no function of that name in this caller's scope.
            InvalidInput: the arguments do not fit the function's schema, in the schema's words.
        """
        function = self._resolve(str(call.arguments["function"]), call.scope)
        payload = call.arguments["arguments"] or {}
        self._check_arguments(function, payload)
        answered = self._ask(function, payload, call, self._target(function, call.arguments["timeout_seconds"]))
        status = "pending" if answered.status == _ACCEPTED else "done"
        return Answer(variables={"data": answered.data, "status": status, "job_id": ""}, source=function.name)

    def traits(self, call: Call) -> Traits:
        """As the function's section says; a name that does not resolve is not kept."""
        try:
            config = self._resolve(str(call.arguments["function"]), call.scope).config
        except NotFound:
            return NEVER_KEPT
        return Traits(effects=config.effects, fresh_for=config.cache)

    def invoke(self, name: str, payload: Mapping[str, object], call: Call) -> object:
        """What the function answered, for whom the catalog names it: no scope, no schema of arguments.

        Raises:
            Blocked: functions that call functions stand too deep.
            NotFound: the catalog has no such function.
        """
        if call.depth >= MAX_DEPTH:
            raise Blocked(f"Function {name!r} was not called: functions calling functions stand {MAX_DEPTH} deep already.")
        function = self._functions.get(name)
        if function is None:
            raise NotFound(f"The catalog has no function {printable(name)!r}.", hint="An administrator checks who names it.")
        return self._ask(function, payload, replace(call, depth=call.depth + 1), function.target).data

    def entries(self, scope: Scope) -> Iterator[Entry]:
        """The functions of this scope, with the schemas of their arguments."""
        for function in self._visible(scope):
            yield Entry(
                family=FAMILY,
                name=function.name,
                kind=function.config.platform,
                use=f"function_call function={function.name}",
                description=function.config.describe,
                effects=function.config.effects,
                arguments=function.config.arguments,
                result=function.config.result,
            )

    def findings(self, call: Call) -> Iterator[Finding]:
        """Whether each function of the scope can be reached; nothing is run."""
        yield from ask_each(list(self._visible(call.scope)), lambda function: _finding(function, call))

    def _visible(self, scope: Scope) -> Iterator[_Function]:
        return (function for function in self._functions.values() if _allowed(function, scope))

    def _resolve(self, name: str, scope: Scope) -> _Function:
        function = self._functions.get(name)
        if function is not None and _allowed(function, scope):
            return function
        if not self._functions:
            raise NotFound("This workspace has no functions yet.", hint=HOW_TO_ADD)
        visible = [each.name for each in self._visible(scope)]
        close = nearest(name, visible)
        meant = f"Did you mean {close!r}? " if close else ""
        if not visible:
            meant = "An administrator names what you may call in the catalog, under your role's `functions`. "
        raise NotFound(
            f"You may call no function named {printable(name)!r}.",
            hint=f"{meant}You may call: {', '.join(visible[:30]) or 'none'}. list_capabilities shows them with their arguments.",
        )

    def _check_arguments(self, function: _Function, payload: object) -> None:
        problems = function.arguments.problems(payload)
        if problems:
            raise InvalidInput(
                f"The arguments do not fit {function.name!r}: {'; '.join(problems)}.",
                hint=f"Example: {function.arguments.example()}",
            )

    def _target(self, function: _Function, seconds: object) -> Target:
        if not isinstance(seconds, (int, float)):
            return function.target
        return replace(function.target, timeout=min(float(seconds), function.target.timeout))

    def _ask(self, function: _Function, payload: object, call: Call, target: Target) -> InvocationResult:
        invocation = Invocation(
            function=function.name,
            payload=payload,
            message_id=self._message_id(function, call),
            trace_id=call.trace_id,
            repeatable=function.config.effects != "once",
        )
        answered = self._outbound(
            Attempt(
                call=_with_time(call, target.timeout),
                target=target,
                send=lambda deadline: function.platform.invoke(invocation, deadline),
                effects=function.config.effects,
            )
        )
        function.require_result(answered.data)
        return answered

    def _message_id(self, function: _Function, call: Call) -> str:
        """The same for every attempt, and for every call with the same idempotency key of the same caller."""
        if call.idempotency_key and not call.depth:
            return digest([call.workspace.id, call.caller.subject, function.name, call.idempotency_key])[:32]
        return f"{call.record.request_id}-{next(self._numbers)}"


def _allowed(function: _Function, scope: Scope) -> bool:
    """What has effects needs its exact name in a role (catalog.md, Rules)."""
    if not scope.grants_operation("function.call"):
        return False
    if function.config.effects == "none":
        return scope.allows(FAMILY, function.name)
    return scope.names_exactly(FAMILY, function.name)


def _with_time(call: Call, seconds: float) -> Call:
    """A function that is given long gets it, within the call's total."""
    first = call.deadlines.total.earlier(seconds + _SPARE_SECONDS)
    if first.at <= call.deadlines.first_content.at:
        return call
    return replace(call, deadlines=Deadlines(first, call.deadlines.total, call.deadlines.idle))


def _finding(function: _Function, call: Call) -> Finding:
    def check(deadline: Deadline) -> str:
        return function.platform.check(deadline)  # made here, so that one that cannot be made is a line too

    return source_finding(f"function:{function.name}", check, call=call, key=f"functions.{function.name}")
