"""A function as a catalog names it, without the rest of a runtime."""

from urllib.parse import urlsplit

from faas_toolkit.capabilities.faas.capability import FunctionCapability
from faas_toolkit.capabilities.faas.config import HttpFunction
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.http import HttpClient
from faas_toolkit.platforms.http import HttpPlatform


def serving_function(name, url, **section):
    """`core.chain.ServingFunction` over HTTP; `section` is more of its section in the catalog."""
    guard = EgressGuard(environment={"FAAS_TOOLKIT_NETWORK_ALLOW": f"http://{urlsplit(url).netloc}"})
    client = HttpClient(guard=guard)

    def open_platform(name, config):
        return HttpPlatform(
            name=name, target=config.target, auth=config.auth, tls=config.tls, client=client, now=SystemClock().epoch
        )

    config = HttpFunction.model_validate({"platform": "http", "target": {"url": url}, **section})
    functions = FunctionCapability(functions={name: config}, open_platform=open_platform, outbound=None)
    return functions.serving(name)
