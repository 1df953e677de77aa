"""The registry of channels. Adding one is a file here and a line below."""

from __future__ import annotations

from collections.abc import Mapping

from flows.channels.channel import Channel
from flows.channels.email import EMAIL
from flows.channels.push import PUSH
from flows.channels.sms import SMS
from flows.channels.whatsapp import WHATSAPP

CHANNELS: Mapping[str, Channel] = {channel.name: channel for channel in (EMAIL, SMS, WHATSAPP, PUSH)}
