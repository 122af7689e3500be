"""The whole document, typed from the slices' own sections."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field

from faas_toolkit.capabilities.crm.config import CrmSourceConfig
from faas_toolkit.capabilities.faas.config import FunctionConfig
from faas_toolkit.capabilities.knowledge.config import KnowledgeBaseConfig
from faas_toolkit.capabilities.models.config import ModelsConfig
from faas_toolkit.net.config import Network, Section
from faas_toolkit.observe.config import AuditConfig
from faas_toolkit.pipeline.config import OperationConfig, QuotaConfig, ReviewConfig, RoleConfig
from faas_toolkit.state.cache.config import CacheConfig
from faas_toolkit.state.config import StateConfig

type Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")]
"""Letters, digits, `_`, `-`, `.`: names appear in tool arguments, globs and texts."""

LATER_SECTIONS = ("alerts", "alert_rules")
"""Sections of the contract that this version does not serve; refused, since ignoring them would pass for serving them."""

LATER_KEYS = frozenset({"connection", "proxy", "person", "dataset", "latency_budget"})
"""Keys of the contract that later versions serve, wherever they stand."""

LATER_VALUES: Mapping[str, frozenset[str]] = {
    "kind": frozenset({"dify_dataset", "hubspot", "salesforce", "pipedrive", "zoho", "sql", "generate"}),
    "platform": frozenset(
        {
            "alibaba_fc",
            "azure_functions",
            "cloudflare",
            "gcp_run",
            "huawei_fg",
            "knative",
            "openfaas",
            "openwhisk",
            "tencent_scf",
            "vercel",
        }
    ),
}
"""Values of the contract that later versions serve, by the key they stand at."""


class Catalog(Section):
    """What a workspace may call, and how."""

    version: Literal[1]
    roles: dict[Name, RoleConfig]
    crm: dict[Name, CrmSourceConfig]
    knowledge: dict[Name, KnowledgeBaseConfig]
    functions: dict[Name, FunctionConfig]
    models: ModelsConfig = Field(default_factory=ModelsConfig)
    operations: dict[str, OperationConfig] = Field(default_factory=dict)
    review: ReviewConfig = Field(default_factory=ReviewConfig)
    limits: Annotated[tuple[QuotaConfig, ...], Field(max_length=50)] = ()
    state: StateConfig = Field(default_factory=StateConfig)
    cache: CacheConfig = Field(default_factory=CacheConfig)
    network: Network = Field(default_factory=Network)
    audit: AuditConfig = Field(default_factory=AuditConfig)


@cache
def default_sections() -> Mapping[str, Any]:
    """The sections of the shipped default."""
    text = (FilePath(__file__).parent / "default.yaml").read_text(encoding="utf-8")
    sections: Mapping[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)
    return sections
