"""People: who may sign in at a provider, as what, by whose invitation; and how they leave."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from roost.clock import Clock, Ids
from roost.domain.accounts import Person, Role
from roost.domain.audit import Action
from roost.domain.people import (
    Account,
    Grant,
    Identity,
    Invitation,
    ListedPerson,
    MembershipRules,
    normal_email,
)
from roost.errors import Conflict, Forbidden, InvalidInput, NotFound
from roost.services.audit import Audit
from roost.services.live_events import BotChanged, RightsChanged
from roost.storage import people
from roost.storage.database import Database, Transaction
from roost.storage.idempotency import Once, write_once

INVITATIONS_AT_MOST = 500
NAME_KEPT = 100
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+")
_EMAIL_LENGTH_AT_MOST = 254


class People:
    """`database` is bot_configs.db. `publish` is told whose rights and which bots changed; `poke` that a bot
    has another owner. What only owners may do is checked here too.
    """

    def __init__(
        self,
        database: Database,
        rules: MembershipRules,
        audit: Audit,
        clock: Clock,
        ids: Ids,
        publish: Callable[[BotChanged | RightsChanged], None],
        poke: Callable[[str], None],
    ) -> None:
        self._database = database
        self._rules = rules
        self._audit = audit
        self._clock = clock
        self._ids = ids
        self._publish = publish
        self._poke = poke

    def enter(self, identity: Identity) -> Person:
        """The person behind a provider's word, made at the first sign-in, with the role they have now.

        Raises Forbidden for somebody who was removed and not invited again.
        """
        return self._database.write(lambda db: self._enter(db, identity))

    def follow_settings(self) -> None:
        """Gives everybody the role that OWNER_EMAILS, ALLOWED_EMAILS and invitations say now: a session
        outlives a change of settings, the rights behind it do not.
        """

        def follow(db: Transaction) -> None:
            for account in people.provider_accounts(db):
                person = account.person
                standing = self._rules.standing(person.email, invited=people.is_invited(db, person.id))
                if standing.role is not person.role:
                    people.set_role(db, person.id, standing.role)
                    detail = f"{person.role.value} to {standing.role.value}, by the settings"
                    self._audit.note(
                        db,
                        Action.ROLE_CHANGED,
                        None,
                        subject_id=person.id,
                        subject=_called(person),
                        detail=detail,
                    )

        self._database.write(follow)

    def page(self, owner: Person, after_id: str | None, limit: int) -> Sequence[ListedPerson]:
        """Oldest first."""
        _require_owner(owner)
        with self._database.read() as db:
            found = people.list_people(db, after_id, limit, self._clock.now())
        return [replace(each, grant=self._grant(each)) for each in found]

    def invitations(self, owner: Person, after_id: str | None, limit: int) -> Sequence[Invitation]:
        """Those nobody has accepted yet, oldest first."""
        _require_owner(owner)
        with self._database.read() as db:
            return people.list_open_invitations(db, after_id, limit)

    def invite(self, owner: Person, email: str, once: Once | None = None) -> Invitation:
        """Whoever signs in with this address first becomes a member.

        Raises InvalidInput for what is no address, Conflict for somebody who is here or invited already.
        """
        _require_owner(owner)
        address = normal_email(email)
        if len(address) > _EMAIL_LENGTH_AT_MOST or not _EMAIL.fullmatch(address) or not address.isprintable():
            raise InvalidInput(
                "This is not an e-mail address. Enter one such as name@example.org.", field="email"
            )
        invitation = Invitation(self._ids.new(), address, owner.id, self._clock.now())

        def add(db: Transaction) -> Invitation:
            here = people.member_with_email(db, address)
            if here is not None:
                raise _here_already(here)
            if people.has_open_invitation(db, address):
                raise Conflict(
                    f"{address} is invited already. They only have to sign in.",
                    code="invited_already",
                    field="email",
                )
            if people.count_open_invitations(db) >= INVITATIONS_AT_MOST:
                raise Conflict(
                    f"{INVITATIONS_AT_MOST} invitations are waiting. Withdraw some first.",
                    code="too_many_invitations",
                )
            people.add_invitation(db, invitation)
            self._audit.note(db, Action.PERSON_INVITED, owner, subject_id=invitation.id, subject=address)
            return invitation

        return write_once(self._database, once, add)

    def withdraw(self, owner: Person, invitation_id: str, once: Once | None = None) -> None:
        """Raises NotFound, also for an invitation that was accepted."""
        _require_owner(owner)

        def delete(db: Transaction) -> None:
            invitation = people.find_open_invitation(db, invitation_id)
            if invitation is None:
                raise NotFound("There is no such invitation. Reload the list.")
            people.delete_invitation(db, invitation_id)
            self._audit.note(
                db,
                Action.INVITATION_WITHDRAWN,
                owner,
                subject_id=invitation_id,
                subject=invitation.email,
            )

        write_once(self._database, once, delete)

    def set_role(self, owner: Person, person_id: str, role: Role, once: Once | None = None) -> None:
        """Makes a guest a member, or a member a guest: their keys then end and their bots pass to `owner`.

        Raises NotFound, InvalidInput for the role of an owner, Conflict when the settings decide.
        """
        _require_owner(owner)
        if role is Role.OWNER:
            raise InvalidInput(
                "Owners are named in OWNER_EMAILS alone. Add the address there and start Roost again.",
                field="role",
            )
        passed = write_once(self._database, once, lambda db: self._change_role(db, owner, person_id, role))
        self._tell(person_id, owner, passed)

    def remove(self, owner: Person, person_id: str, once: Once | None = None) -> None:
        """Ends somebody's sessions, keys and streams at once; their bots pass to `owner` as they are. They
        may not come back until they are invited again. Their conversations stay theirs.

        Raises NotFound, Conflict for oneself, for the local owner and for an owner by the settings.
        """
        _require_owner(owner)
        passed = write_once(self._database, once, lambda db: self._remove(db, owner, person_id))
        self._tell(person_id, owner, passed)

    def _enter(self, db: Transaction, identity: Identity) -> Person:
        account = people.find_provider_account(db, identity.account)
        address = normal_email(identity.email)
        now = self._clock.now()
        barred = account is not None and account.removed_at is not None
        if barred and not people.has_open_invitation(db, address):
            raise Forbidden(
                "An owner has removed you from this Roost. Ask for an invitation to come back.",
                code="removed",
            )
        person_id = self._ids.new() if account is None else account.person.id
        if account is None:
            # The row that an accepted invitation points to.
            fresh = Person(person_id, _kept_name(identity), address, Role.GUEST)
            people.add_provider_account(db, fresh, identity.account, now)
        invited = people.accept_invitation(db, address, person_id)
        role = self._rules.standing(address, invited=invited).role
        person = Person(person_id, _kept_name(identity), address, role)
        people.update_account(db, person, now)
        return person

    def _change_role(self, db: Transaction, owner: Person, person_id: str, role: Role) -> Sequence[str]:
        account = self._standing_account(db, person_id)
        person = account.person
        standing = self._rules.standing(person.email, invited=people.is_invited(db, person_id))
        if account.local or standing.grant is Grant.SETTINGS:
            raise Conflict(
                f"{_called(person)} is {_an(person.role)} by OWNER_EMAILS, ALLOWED_EMAILS or by signing in "
                "on the machine itself. Change the settings instead.",
                code="role_by_settings",
            )
        if person.role is role:
            return ()
        passed: Sequence[str] = ()
        if role is Role.MEMBER:
            invitation = Invitation(self._ids.new(), person.email or person.id, owner.id, self._clock.now())
            people.add_invitation(db, invitation, accepted_by=person_id)
        else:
            people.forget_invitation_of(db, person_id)
            people.end_keys_of(db, person_id)
            passed = people.pass_bots_on(db, person_id, owner.id, self._clock.now())
        people.set_role(db, person_id, role)
        detail = f"{person.role.value} to {role.value}" + _passed(passed)
        self._audit.note(
            db, Action.ROLE_CHANGED, owner, subject_id=person_id, subject=_called(person), detail=detail
        )
        return passed

    def _remove(self, db: Transaction, owner: Person, person_id: str) -> Sequence[str]:
        account = self._standing_account(db, person_id)
        person = account.person
        if person_id == owner.id:
            raise Conflict("You cannot remove yourself. Ask another owner.", code="yourself")
        if account.local or self._rules.standing(person.email, invited=False).role is Role.OWNER:
            raise Conflict(
                f"{_called(person)} owns this Roost. Take the address out of OWNER_EMAILS and start Roost "
                "again first.",
                code="role_by_settings",
            )
        people.end_sessions_of(db, person_id)
        people.end_keys_of(db, person_id)
        people.forget_invitation_of(db, person_id)
        passed = people.pass_bots_on(db, person_id, owner.id, self._clock.now())
        people.mark_removed(db, person_id, self._clock.now())
        self._audit.note(
            db,
            Action.PERSON_REMOVED,
            owner,
            subject_id=person_id,
            subject=_called(person),
            detail=_passed(passed).removeprefix("; ") or None,
        )
        return passed

    def _standing_account(self, db: Transaction, person_id: str) -> Account:
        account = people.find_account(db, person_id)
        if account is None or account.removed_at is not None:
            raise NotFound("There is no such person. Reload the list.")
        return account

    def _grant(self, listed: ListedPerson) -> Grant:
        if listed.grant is Grant.LOCAL:
            return Grant.LOCAL
        invited = listed.grant is Grant.INVITATION
        return self._rules.standing(listed.person.email, invited=invited).grant

    def _tell(self, person_id: str, owner: Person, passed: Sequence[str]) -> None:
        self._publish(RightsChanged(person_id))
        for bot_id in passed:
            self._poke(bot_id)
            self._publish(BotChanged(bot_id, owner.id))


def _require_owner(person: Person) -> None:
    if person.role is not Role.OWNER:
        raise Forbidden("Only owners may do this.", code="owners_only")


def _here_already(person: Person) -> Conflict:
    if person.role is Role.GUEST:
        return Conflict(
            f"{_called(person)} signs in here as a guest. Make them a member in the list of people.",
            code="here_already",
            field="email",
        )
    return Conflict(
        f"{_called(person)} is {_an(person.role)} here already.", code="here_already", field="email"
    )


def _called(person: Person) -> str:
    return person.email or person.name


def _an(role: Role) -> str:
    return "an owner" if role is Role.OWNER else f"a {role.value}"


def _passed(bot_ids: Sequence[str]) -> str:
    return f"; {len(bot_ids)} bot(s) passed on" if bot_ids else ""


def _kept_name(identity: Identity) -> str:
    shown = "".join(character for character in identity.name if character.isprintable()).strip()
    return shown[:NAME_KEPT] or normal_email(identity.email)
