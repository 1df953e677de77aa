"""One kind is one module and one line in a registry: a module that is not registered does nothing."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from connector.doctor.checks import BREVO, INSTALLATION, SHOP
from connector.doctor.finding import Check
from flows.actions import ACTIONS
from flows.actions.action import Action
from flows.analytics.metrics import METRICS
from flows.analytics.metrics.metric import Metric
from flows.channels import CHANNELS
from flows.channels.channel import Channel
from flows.content.lints import LINTS as MESSAGE_LINTS
from flows.content.lints.lint import MessageLint
from flows.core.conflicts import CONFLICTS
from flows.core.conflicts.conflict import Conflict
from flows.core.lints import LINTS
from flows.core.lints.lint import Lint
from flows.core.signals import SIGNALS
from flows.core.signals.signal import Signal
from flows.core.steps import STEPS
from flows.core.steps.kind import StepKind
from sync.alerts.kinds import KINDS as ALERTS
from sync.alerts.kinds.kind import Kind as AlertKind
from tests.architecture.project import PROJECT, module_of, path_of
from webhooks.topics import TOPICS
from webhooks.topics.topic import Topic

_PAYLOADS = {"topic", "payload", "brevo_payload", "api_payload", "event_payload", "storefront_payload"}
# Folder -> (what its modules define, what is registered, modules that the others share).
REGISTRIES: Mapping[str, tuple[type, Iterable[object], set[str]]] = {
    "flows/core/steps": (StepKind, STEPS.values(), {"kind", "message", "until", "awaited", "deed"}),
    "flows/core/signals": (
        Signal,
        SIGNALS.values(),
        {
            *("signal", "orders_of_person", "loyalty_of_person", "set_amounts", "consumption", "left_behind"),
            *("once_for_a_person", "thresholds", "counted_views", "since_last"),
        },
    ),
    "flows/core/lints": (Lint, LINTS.values(), {"lint"}),
    "flows/core/conflicts": (Conflict, CONFLICTS.values(), {"conflict"}),
    "flows/content/lints": (MessageLint, MESSAGE_LINTS.values(), {"lint", "page"}),
    "flows/actions": (Action, ACTIONS.values(), {"action", "contact", "loyalty", "records", "store"}),
    "flows/analytics/metrics": (Metric, METRICS.values(), {"metric"}),
    "flows/channels": (Channel, CHANNELS.values(), {"channel", "whatsapp_templates"}),
    "connector/doctor/checks": (Check, (*INSTALLATION, *SHOP, *BREVO), set()),
    "sync/alerts/kinds": (AlertKind, ALERTS.values(), {"kind", "windows"}),
    "webhooks/topics": (Topic, TOPICS.values(), _PAYLOADS),
}


def defined(module: ModuleType, kind: type) -> list[object]:
    """What a module defines of this kind, alone or several in a tuple."""
    found: list[object] = []
    for value in vars(module).values():
        found += [value] if isinstance(value, kind) else []
        found += [entry for entry in value if isinstance(entry, kind)] if isinstance(value, tuple) else []
    return found


def unregistered(modules: Iterable[ModuleType], kind: type, registered: Iterable[object]) -> list[str]:
    """Modules that define nothing of this kind, or something that is not registered."""
    known = {id(entry) for entry in registered}
    return [
        module.__name__
        for module in modules
        if not (found := defined(module, kind)) or not {id(entry) for entry in found} <= known
    ]


def modules_of(folder: str, shared: set[str]) -> list[ModuleType]:
    files = (PROJECT / folder).glob("*.py")
    return [importlib.import_module(module_of(file)) for file in files if file.stem not in {"__init__", *shared}]


@pytest.mark.parametrize("folder", REGISTRIES)
def test_every_module_is_registered(folder: str) -> None:
    kind, registered, shared = REGISTRIES[folder]
    modules = modules_of(folder, shared)
    assert modules
    assert unregistered(modules, kind, registered) == []
    for name in shared:
        assert (PROJECT / folder / f"{name}.py").is_file(), f"{name} is gone: take it off the list of {folder}"


def test_the_files_beside_the_registries_are_all_looked_at() -> None:
    """A folder whose registry is not in the table above would not be checked."""
    holders = {path_of(file.parent) for file in (PROJECT / "flows").rglob("__init__.py") if _registers(file)}
    holders |= {path_of(file.parent) for file in (PROJECT / "webhooks").rglob("__init__.py") if _registers(file)}
    holders |= {path_of(file.parent) for file in (PROJECT / "connector").rglob("__init__.py") if _registers(file)}
    holders |= {path_of(file.parent) for file in (PROJECT / "sync/alerts").rglob("__init__.py") if _registers(file)}
    assert holders == set(REGISTRIES)


def _registers(file: Path) -> bool:
    text = file.read_text(encoding="utf-8")
    return any(mark in text for mark in (": Mapping[str, ", "TOPICS = ", ": tuple[Check["))


@pytest.mark.parametrize("folder", REGISTRIES)
def test_what_is_not_registered_is_found(folder: str) -> None:
    kind, registered, shared = REGISTRIES[folder]
    modules = modules_of(folder, shared)
    assert unregistered(modules, kind, list(registered)[1:])
    assert unregistered([ModuleType("empty")], kind, registered) == ["empty"]
