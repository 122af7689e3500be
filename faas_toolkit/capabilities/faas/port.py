"""What the slice needs from a platform."""

from collections.abc import Callable

from faas_toolkit.capabilities.faas.config import FunctionConfig
from faas_toolkit.platforms.port import Platform

type OpenPlatform = Callable[[str, FunctionConfig], Platform]
"""The platform of a function, ready to invoke it; by the function's name and its section of the catalog."""
