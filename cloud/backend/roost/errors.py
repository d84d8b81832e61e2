"""The family of errors that cross module borders.

RoostError                 anything we raise on purpose
├─ SettingsError           a setting is wrong: refuse to start
├─ InvalidInput            the caller sent something unusable
│  ├─ AddressRefused       an address that must not be dialled
│  └─ TooLarge             more than is taken at once
├─ Unauthenticated         nobody is signed in
├─ Forbidden               signed in, yet not allowed
├─ NotFound                no such thing, or somebody else's
├─ Conflict                the thing exists already, or changed meanwhile
├─ LimitReached            too much at once, or today (retryable)
├─ Unavailable             not now: starting, standing by, disk full (retryable)
├─ RemoteError             a party on the network
│  ├─ RemoteRejected       it said no, and will say no again
│  │  ├─ ObjectMissing     the bucket answered: there is no such object
│  │  ├─ PreconditionFailed  the object is not at the generation that was expected
│  │  ├─ ObjectDamaged     an object that is not what its writer stored
│  │  ├─ BucketForbidden   the credentials are missing, wrong or not enough
│  │  └─ BucketMissing     there is no such bucket or folder
│  └─ RemoteUnreachable    it did not answer, or could not (retryable)
│     └─ BucketUnreachable the bucket did not answer
└─ StorageError            a database file
   ├─ SchemaTooNew         written by a newer Roost
   ├─ DatabaseUnreadable   not SQLite, or damaged
   └─ DecryptionRefused    a ciphertext that is not this row's, or another key's
"""

from __future__ import annotations

from typing import ClassVar


class RoostError(Exception):
    """Carries a stable `code`, a sentence for people (cause, then remedy), and whether retrying can help."""

    default_code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        field: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.field = field
        self.retry_after_s = retry_after_s


class SettingsError(RoostError):
    default_code = "settings"


class InvalidInput(RoostError):
    default_code = "invalid"


class AddressRefused(InvalidInput):
    default_code = "address_refused"


class TooLarge(InvalidInput):
    default_code = "too_large"


class Unauthenticated(RoostError):
    default_code = "sign_in_required"


class Forbidden(RoostError):
    default_code = "forbidden"


class NotFound(RoostError):
    default_code = "not_found"


class Conflict(RoostError):
    default_code = "conflict"


class LimitReached(RoostError):
    default_code = "limit_reached"
    retryable = True


class Unavailable(RoostError):
    default_code = "unavailable"
    retryable = True


class RemoteError(RoostError):
    default_code = "remote"


class RemoteRejected(RemoteError):
    default_code = "remote_rejected"


class ObjectMissing(RemoteRejected):
    default_code = "object_missing"


class PreconditionFailed(RemoteRejected):
    default_code = "precondition_failed"


class ObjectDamaged(RemoteRejected):
    default_code = "object_damaged"


class BucketForbidden(RemoteRejected):
    default_code = "bucket_forbidden"


class BucketMissing(RemoteRejected):
    default_code = "bucket_missing"


class RemoteUnreachable(RemoteError):
    default_code = "remote_unreachable"
    retryable = True


class BucketUnreachable(RemoteUnreachable):
    default_code = "bucket_unreachable"


class StorageError(RoostError):
    default_code = "storage"


class SchemaTooNew(StorageError):
    default_code = "schema_too_new"


class DatabaseUnreadable(StorageError):
    default_code = "database_unreadable"


class DecryptionRefused(StorageError):
    default_code = "decryption_refused"
