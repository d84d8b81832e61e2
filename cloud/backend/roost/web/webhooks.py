"""Where platforms bring what people sent to bots. They show who they are by a secret or a signature."""

from __future__ import annotations

import json

from flask import Response

from roost.domain.bots import Platform
from roost.services.ports import Delivery
from roost.web.calls import Call
from roost.web.errors import answer_json


def telegram(call: Call, bot_id: str) -> Response:
    """One update from Telegram, with the bot's secret in X-Telegram-Bot-Api-Secret-Token."""
    return _take(call, Platform.TELEGRAM, bot_id)


def discord(call: Call, bot_id: str) -> Response:
    """One interaction from Discord, signed by Ed25519."""
    return _take(call, Platform.DISCORD, bot_id)


def _take(call: Call, platform: Platform, bot_id: str) -> Response:
    delivery = Delivery(call.request.body_bytes, call.request.headers.get)
    return answer_json(json.dumps(dict(call.services.webhooks.take(platform, bot_id, delivery))), 200)
