"""What only an owner may do, and mostly does from the command line."""

from __future__ import annotations

from roost.domain.accounts import Role
from roost.errors import Forbidden
from roost.services.sign_in import LINK_LASTS
from roost.web.calls import Call
from roost.web.hosts import address_for_people
from roost.web.payloads_operations import KeyExchange, MadeSignInLink


def make_sign_in_link(call: Call) -> MadeSignInLink:
    """Make a link that signs the owner in, once."""
    if call.person.role is not Role.OWNER:
        raise Forbidden("Only an owner may make a sign-in link. Ask one.")
    services = call.services
    expires_at = services.clock.now() + LINK_LASTS
    address = address_for_people(services.settings, call.request.environ)
    code = services.sign_in.make_link_code(call.person)
    return MadeSignInLink(url=f"{address}/auth/link#{code}", expires_at=expires_at)


def rotate_key(call: Call) -> KeyExchange:
    """Seal every stored secret under a new SECRET_KEY; may be repeated."""
    done = call.services.key_rotation.rotate(call.person)
    return KeyExchange(
        resealed=done.resealed,
        unreadable=done.unreadable,
        resumed=done.resumed,
        from_environment=done.from_environment,
    )
