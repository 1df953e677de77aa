"""The settings that commands work with."""

from __future__ import annotations

from connector.runtime.up import own_environment, shared_environment
from connector.settings import Settings


def settings_here() -> Settings:
    """Those of what `connector up` runs in this folder, unless the environment says otherwise. Raises
    ConfigurationError."""
    return Settings.from_env(shared_environment() | own_environment())
