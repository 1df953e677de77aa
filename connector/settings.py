"""All settings: read once from the environment, frozen, every problem reported at once.

``NAME_FILE`` may hold the path of a file with the value of any secret ``NAME``. Nothing else in the project
reads the environment. ``docs/settings.md`` lists them; a test compares.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from connector import crashpoints
from connector.clock import Clock, SteppedClock, SystemClock
from connector.errors import ConfigurationError


@dataclass(frozen=True)
class Settings:
    """One installation's settings. Secrets never show in ``repr``."""

    environment: str = "production"
    database_url: str = field(default="", repr=False)
    redis_url: str = field(default="", repr=False)
    port: int = 8000
    public_url: str = ""
    trusted_proxies: int = 0
    secret_keys: tuple[str, ...] = field(default=(), repr=False)

    shopify_api_key: str = ""
    shopify_api_secret: str = field(default="", repr=False)
    shopify_api_secret_old: str = field(default="", repr=False)
    shopify_base_url: str = "https://{shop}"
    shopify_api_version: str = "2026-10"
    brevo_base_url: str = "https://api.brevo.com/v3"
    brevo_app_client_id: str = ""
    brevo_oauth_url: str = "https://oauth.brevo.com/realms/partner/oauth"
    # What the product's calls need (Brevo's catalogue of scopes, 2026-08); `:write` does not include `:read`.
    brevo_scopes: tuple[str, ...] = (
        "account:read", "contacts:read", "contacts:write", "ecommerce:read", "ecommerce:write", "events:read",
        "events:write", "webhooks:read", "webhooks:write", "transactional.email:read", "transactional.email:write",
        "transactional.sms:read", "transactional.sms:write", "transactional.whatsapp:read",
        "transactional.whatsapp:write", "offline_access",
    )  # fmt: skip

    merchant_url_ports: tuple[int, ...] = ()
    merchant_url_loopback: bool = False

    clock_start: float | None = None
    clock_epoch: float | None = None
    clock_rate: float = 1.0
    clock_file: str = ""
    wire_rate: float = 1.0

    contact_coalesce_seconds: float = 1.0
    import_after_seconds: float = 30.0
    bulk_gather_seconds: float = 10.0
    fetch_coalesce_seconds: float = 0.75
    provider_timeout_seconds: float = 10.0
    store_timeout_seconds: float = 5.0
    delivery_lease_seconds: float = 25.0
    unknown_settle_seconds: float = 60.0
    backfill_on_install: bool = True
    retry_seconds: tuple[float, ...] = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0)
    commerce_lane_patience_seconds: float = 60.0
    intake_timeout_seconds: float = 3.5
    crash_at: str = ""
    api_events_per_minute: int = 1200
    admin_api_per_minute: int = 600
    admin_require_second_factor: bool = False
    inbox_keep_days: int = 40
    inbox_keys_keep_days: int = 40
    stopped_keep_days: int = 180
    work_keep_days: int = 40
    attempts_keep_days: int = 400
    content_keep_days: int = 90
    exports_keep_days: int = 7
    short_links_keep_days: int = 400
    web_workers: int = 2
    log_level: str = "INFO"

    @property
    def development(self) -> bool:
        return self.environment == "development"

    @cached_property
    def clock(self) -> Clock:
        """The clock that these settings ask for."""
        if self.clock_file:
            return SteppedClock(Path(self.clock_file), self.wire_rate)
        epoch = self.clock_epoch or 0.0
        start = epoch if self.clock_start is None else self.clock_start
        return SystemClock(start, epoch, self.clock_rate, self.wire_rate)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read, check and freeze. Raises ConfigurationError naming every problem.

        >>> Settings.from_env({"CONNECTOR_ENV": "development"}).development
        True
        """
        values = dict(os.environ if environ is None else environ)
        problems: list[str] = []
        for name in [n for n in values if n.endswith("_FILE") and n != "CLOCK_FILE" and n in _SECRET_FILES]:
            try:
                values[name.removesuffix("_FILE")] = Path(values[name]).read_text().strip()
            except OSError as error:
                problems.append(f"{name}: cannot read the file it names: {error.strerror}")
        settings = _read(values, problems)
        problems += _contradictions(settings, values)
        if problems:
            raise ConfigurationError("Settings are not usable:\n" + "\n".join(f"  - {p}" for p in problems))
        return settings


_SECRET_FILES = {
    f"{name}_FILE"
    for name in (
        "DATABASE_URL", "REDIS_URL", "SHOPIFY_API_SECRET", "SHOPIFY_API_SECRET_OLD", "CONNECTOR_SECRET_KEYS",
    )
}  # fmt: skip


class _Text(fields.String):
    """An empty variable counts as not set."""

    def __init__(self, default: str = "", **options: Any) -> None:
        super().__init__(load_default=default, **options)


def _number(default: float | None, low: float = 0.0) -> fields.Float:
    return fields.Float(load_default=default, allow_none=True, validate=validate.Range(min=low))


class _SettingsSchema(Schema):
    """Environment name -> field. marshmallow reports all problems at once."""

    class Meta:
        unknown = EXCLUDE

    environment = _Text("production", data_key="CONNECTOR_ENV", validate=validate.OneOf(["production", "development"]))
    database_url = _Text(data_key="DATABASE_URL")
    redis_url = _Text(data_key="REDIS_URL")
    port = fields.Integer(load_default=8000, data_key="PORT", validate=validate.Range(min=1, max=65535))
    public_url = _Text(data_key="PUBLIC_URL")
    trusted_proxies = fields.Integer(load_default=0, data_key="TRUSTED_PROXIES", validate=validate.Range(min=0, max=9))
    secret_keys = _Text(data_key="CONNECTOR_SECRET_KEYS")
    shopify_api_key = _Text(data_key="SHOPIFY_API_KEY")
    shopify_api_secret = _Text(data_key="SHOPIFY_API_SECRET")
    shopify_api_secret_old = _Text(data_key="SHOPIFY_API_SECRET_OLD")
    shopify_base_url = _Text(Settings.shopify_base_url, data_key="SHOPIFY_BASE_URL")
    shopify_api_version = _Text(Settings.shopify_api_version, data_key="SHOPIFY_API_VERSION")
    brevo_base_url = _Text(Settings.brevo_base_url, data_key="BREVO_BASE_URL")
    brevo_app_client_id = _Text(data_key="BREVO_APP_CLIENT_ID")
    brevo_oauth_url = _Text(Settings.brevo_oauth_url, data_key="BREVO_OAUTH_URL")
    brevo_scopes = _Text(" ".join(Settings.brevo_scopes), data_key="BREVO_SCOPES")
    merchant_url_ports = _Text(
        data_key="MERCHANT_URL_PORTS",
        validate=validate.Regexp(r"(\d{1,5}(,\d{1,5})*)?\Z", error="must be ports separated by commas, as 8443,9443"),
    )
    merchant_url_loopback = fields.Boolean(load_default=False, data_key="MERCHANT_URL_LOOPBACK")
    clock_start = fields.Float(load_default=None, data_key="CLOCK_START")
    clock_epoch = fields.Float(load_default=None, data_key="CLOCK_EPOCH")
    clock_rate = fields.Float(load_default=1.0, data_key="CLOCK_RATE", validate=validate.Range(min=0.0))
    clock_file = _Text(data_key="CLOCK_FILE")
    wire_rate = fields.Float(
        load_default=1.0, data_key="WIRE_RATE", validate=validate.Range(min=0.0, min_inclusive=False)
    )
    backfill_on_install = fields.Boolean(load_default=True, data_key="BACKFILL_ON_INSTALL")
    crash_at = _Text(data_key="CRASH_AT")
    log_level = _Text("INFO", data_key="LOG_LEVEL", validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"]))
    web_workers = fields.Integer(load_default=2, data_key="WEB_WORKERS", validate=validate.Range(min=1))
    # No fewer than fit into one request.
    api_events_per_minute = fields.Integer(
        load_default=Settings.api_events_per_minute, data_key="API_EVENTS_PER_MINUTE", validate=validate.Range(min=100)
    )
    admin_api_per_minute = fields.Integer(
        load_default=Settings.admin_api_per_minute, data_key="ADMIN_API_PER_MINUTE", validate=validate.Range(min=10)
    )
    admin_require_second_factor = fields.Boolean(load_default=False, data_key="ADMIN_REQUIRE_SECOND_FACTOR")
    retry_seconds = _Text(",".join(str(s) for s in Settings.retry_seconds), data_key="RETRY_SECONDS")


for _name in (
    "contact_coalesce_seconds",
    "import_after_seconds",
    "bulk_gather_seconds",
    "fetch_coalesce_seconds",
    "provider_timeout_seconds",
    "store_timeout_seconds",
    "delivery_lease_seconds",
    "unknown_settle_seconds",
    "commerce_lane_patience_seconds",
    "intake_timeout_seconds",
):
    _SettingsSchema._declared_fields[_name] = fields.Float(
        load_default=getattr(Settings, _name), data_key=_name.upper(), validate=validate.Range(min=0.0)
    )

for _name in (
    "inbox_keep_days",
    "inbox_keys_keep_days",
    "stopped_keep_days",
    "work_keep_days",
    "attempts_keep_days",
    "exports_keep_days",
    "short_links_keep_days",
):
    _SettingsSchema._declared_fields[_name] = fields.Integer(
        load_default=getattr(Settings, _name), data_key=_name.upper(), validate=validate.Range(min=1)
    )

# Nothing is kept with 0.
_SettingsSchema._declared_fields["content_keep_days"] = fields.Integer(
    load_default=Settings.content_keep_days, data_key="CONTENT_KEEP_DAYS", validate=validate.Range(min=0)
)


def _read(values: Mapping[str, str], problems: list[str]) -> Settings:
    given = {name: value for name, value in values.items() if value != ""}
    schema = _SettingsSchema()
    try:
        loaded = schema.load(given)
    except ValidationError as error:
        problems += [f"{name}: {' '.join(what)}" for name, what in error.normalized_messages().items()]
        loaded = schema.load({name: value for name, value in given.items() if name not in error.messages})
    try:
        loaded["retry_seconds"] = tuple(float(part) for part in loaded["retry_seconds"].split(","))
    except ValueError:
        problems.append("RETRY_SECONDS: must be seconds separated by commas, for example 5,30,120")
        loaded["retry_seconds"] = Settings.retry_seconds
    loaded["brevo_scopes"] = tuple(loaded["brevo_scopes"].split())
    loaded["merchant_url_ports"] = tuple(int(port) for port in loaded["merchant_url_ports"].split(",") if port)
    loaded["secret_keys"] = tuple(k.strip() for k in loaded["secret_keys"].split(",") if k.strip())
    if not loaded["public_url"] and loaded["environment"] == "development":
        loaded["public_url"] = f"http://127.0.0.1:{loaded['port']}"
    for name in ("public_url", "shopify_base_url", "brevo_base_url", "brevo_oauth_url"):
        loaded[name] = loaded[name].rstrip("/")
    return Settings(**loaded)


def _contradictions(s: Settings, values: Mapping[str, str]) -> list[str]:
    problems = []
    for name, url in (("DATABASE_URL", s.database_url), ("REDIS_URL", s.redis_url)):
        if not url and not s.development:
            problems.append(f"{name}: is required (only development starts its own server)")
    if not s.public_url:
        problems.append("PUBLIC_URL: is required: the address at which customers reach the unsubscribe page")
    if not s.secret_keys and not s.development:
        problems.append("CONNECTOR_SECRET_KEYS: is required: one or more Fernet keys, the newest first")
    for key in s.secret_keys:
        try:
            Fernet(key)
        except ValueError:
            problems.append("CONNECTOR_SECRET_KEYS: every key must be 32 url-safe base64 bytes (Fernet)")
            break
    if "{shop}" not in s.shopify_base_url:
        problems.append("SHOPIFY_BASE_URL: must contain {shop}, the place of the shop's domain")
    moved = s.clock_file or s.clock_start is not None or s.clock_rate != 1.0 or s.wire_rate != 1.0
    if moved and not s.development:
        problems.append("CLOCK_*, WIRE_RATE: moved clocks are for CONNECTOR_ENV=development only")
    if moved and not s.clock_file and s.clock_epoch is None:
        problems.append("CLOCK_EPOCH: is required when clocks are moved: unix seconds at which CLOCK_START was")
    problems += _wrong_crash_order(s)
    if not s.development:
        platforms = {
            "SHOPIFY_BASE_URL": s.shopify_base_url,
            "BREVO_BASE_URL": s.brevo_base_url,
            "BREVO_OAUTH_URL": s.brevo_oauth_url,
        }
        for name, url in platforms.items():
            if _is_loopback(url):
                problems.append(f"{name}: loopback addresses are for CONNECTOR_ENV=development only")
    if s.merchant_url_loopback and not s.development:
        problems.append("MERCHANT_URL_LOOPBACK: calling this machine is for CONNECTOR_ENV=development only")
    if s.delivery_lease_seconds <= s.provider_timeout_seconds:
        problems.append("DELIVERY_LEASE_SECONDS: must be longer than PROVIDER_TIMEOUT_SECONDS")
    return problems


def _wrong_crash_order(s: Settings) -> list[str]:
    if not s.crash_at:
        return []
    if not s.development:
        return ["CRASH_AT: dying on purpose is for CONNECTOR_ENV=development only"]
    try:
        crashpoints.read(s.crash_at)
    except ValueError as error:
        return [f"CRASH_AT: {error}"]
    return []


def _is_loopback(url: str) -> bool:
    host = urlsplit(url.replace("{shop}", "shop.example")).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
