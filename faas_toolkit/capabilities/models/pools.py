"""Makes the pools of a catalog."""

from collections.abc import Callable, Mapping

from faas_toolkit.capabilities.models.capability import Pool
from faas_toolkit.capabilities.models.config import DifyDeployment, FunctionDeployment, ModelsConfig, OpenAiDeployment
from faas_toolkit.capabilities.models.port import Deployment, ModelSource
from faas_toolkit.core.outbound import Target

type OpenSource = Callable[[str, str, OpenAiDeployment | DifyDeployment | FunctionDeployment], ModelSource]
"""Makes the source of a deployment from its name, its key in the catalog and its section."""


def make_pools(config: ModelsConfig, open_source: OpenSource) -> Mapping[str, Pool]:
    """Every pool with its deployments."""
    return {
        name: Pool(
            name=name,
            strategy=pool.strategy,
            max_wait=pool.max_wait,
            describe=pool.describe,
            deployments=tuple(_deployment(name, each, open_source) for each in pool.deployments),
        )
        for name, pool in config.pools.items()
    }


def dify_targets(config: ModelsConfig) -> Mapping[tuple[str, str], Target]:
    """The target of each model of Dify, by provider and model; where several pools name it, the first one's."""
    found: dict[tuple[str, str], Target] = {}
    for name, pool in config.pools.items():
        for each in pool.deployments:
            if isinstance(each, DifyDeployment):
                found.setdefault((each.provider, each.model), _target(name, each))
    return found


def _deployment(pool: str, config: OpenAiDeployment | DifyDeployment | FunctionDeployment, open_source: OpenSource) -> Deployment:
    name, key = f"{pool}.{config.name}", f"models.pools.{pool}.deployments.{config.name}"
    return Deployment(
        name=name,
        model=config.function if isinstance(config, FunctionDeployment) else config.model,
        source=open_source(name, key, config),
        target=None if isinstance(config, FunctionDeployment) else _target(pool, config),
        price=config.price.to_price() if config.price else None,
        api_version=config.api_version if isinstance(config, OpenAiDeployment) else "",
    )


def _target(pool: str, config: OpenAiDeployment | DifyDeployment) -> Target:
    return config.to_target(f"model:{pool}.{config.name}", attempts=1)
