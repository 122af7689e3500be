"""Functions as a catalog names them, called as policies and families call them, without the rest of a runtime."""

from urllib.parse import urlsplit

from faas_toolkit.capabilities.faas.capability import FunctionCapability
from faas_toolkit.capabilities.faas.config import HttpFunction
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.http import HttpClient
from faas_toolkit.pipeline.outbound import build_outbound
from faas_toolkit.platforms.http import HttpPlatform
from faas_toolkit.state.memory import MemoryCells


def invoking(**addresses):
    """`core.chain.InvokeFunction` over HTTP, for functions at these addresses."""
    hosts = ",".join(f"http://{urlsplit(url).netloc}" for url in addresses.values())
    client = HttpClient(guard=EgressGuard(environment={"FAAS_TOOLKIT_NETWORK_ALLOW": hosts}))
    clock = SystemClock()

    def open_platform(name, config):
        return HttpPlatform(name=name, target=config.target, auth=config.auth, tls=config.tls, client=client, now=clock.epoch)

    functions = {
        name: HttpFunction.model_validate({"platform": "http", "target": {"url": url}}) for name, url in addresses.items()
    }
    outbound = build_outbound(cells=MemoryCells(clock), clock=clock, random=lambda: 0.0)
    return FunctionCapability(functions=functions, open_platform=open_platform, outbound=outbound).invoke
