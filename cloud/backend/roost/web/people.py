"""People and invitations, for owners."""

from __future__ import annotations

from roost.domain import people as domain
from roost.domain.accounts import Role
from roost.web.account import shown_sessions
from roost.web.calls import Call
from roost.web.pagination import id_cursor, make_id_cursor
from roost.web.payload import ListQuery
from roost.web.payloads_people import (
    Invitation,
    InvitationList,
    ListedPerson,
    NewInvitation,
    PersonChange,
    PersonList,
    SessionList,
)


def index(call: Call, query: ListQuery) -> PersonList:
    """Everybody who may sign in and has, oldest first."""
    found = call.services.people.page(call.person, id_cursor(query.cursor), query.limit + 1)
    items = found[: query.limit]
    last_id = items[-1].person.id if len(found) > query.limit else None
    return PersonList(items=[_shown(each) for each in items], next_cursor=make_id_cursor(last_id))


def update(call: Call, person_id: str, body: PersonChange) -> None:
    """Make a guest a member, or a member a guest, whose keys then end and whose bots become yours."""
    call.services.people.set_role(call.person, person_id, Role(body.role), call.once(lambda _: None))


def delete(call: Call, person_id: str) -> None:
    """Remove somebody: their sessions, keys and streams end at once, and their bots become yours."""
    call.services.people.remove(call.person, person_id, call.once(lambda _: None))


def sessions(call: Call, person_id: str, query: ListQuery) -> SessionList:
    """Browsers somebody is signed in with, newest first."""
    asking = None if call.caller.by_key else call.caller.secret
    found = call.services.sign_in.sessions_of_another(
        call.person, asking, person_id, id_cursor(query.cursor), query.limit + 1
    )
    return shown_sessions(found, query.limit)


def end_session(call: Call, person_id: str, session_id: str) -> None:
    """Sign one of somebody's browsers out, at once."""
    once = call.once(lambda _: None)
    call.services.sign_in.end_session_of_another(call.person, person_id, session_id, once)


def invitations(call: Call, query: ListQuery) -> InvitationList:
    """Invitations that nobody has accepted yet, oldest first."""
    found = call.services.people.invitations(call.person, id_cursor(query.cursor), query.limit + 1)
    items = found[: query.limit]
    last_id = items[-1].id if len(found) > query.limit else None
    return InvitationList(
        items=[_shown_invitation(each) for each in items], next_cursor=make_id_cursor(last_id)
    )


def invite(call: Call, body: NewInvitation) -> Invitation:
    """Invite an e-mail address: whoever signs in with it first becomes a member. Nothing is sent."""
    once = call.once(_shown_invitation)
    return _shown_invitation(call.services.people.invite(call.person, body.email, once))


def withdraw(call: Call, invitation_id: str) -> None:
    """Withdraw an invitation that nobody has accepted."""
    call.services.people.withdraw(call.person, invitation_id, call.once(lambda _: None))


def _shown(listed: domain.ListedPerson) -> ListedPerson:
    person = listed.person
    return ListedPerson(
        id=person.id,
        name=person.name,
        email=person.email,
        role=person.role,
        grant=listed.grant,
        created_at=listed.created_at,
        last_signed_in_at=listed.last_signed_in_at,
        sessions=listed.sessions,
        bots=listed.bots,
    )


def _shown_invitation(invitation: domain.Invitation) -> Invitation:
    return Invitation(id=invitation.id, email=invitation.email, created_at=invitation.created_at)
