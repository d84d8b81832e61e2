"""The copies in the bucket."""

from __future__ import annotations

from roost.domain.audit import Action
from roost.errors import NotFound, Unavailable
from roost.services.backups import Backups
from roost.web.calls import Call
from roost.web.payloads_operations import BackupRequest, Replication, ReplicationConflict


def back_up(call: Call, body: BackupRequest) -> Replication:
    """Bring the copies in the bucket up to date."""
    backups = _backups(call)
    if not backups.back_up_now(adopt=body.adopt):
        raise Unavailable(backups.standing().trouble or "The backup failed.", code="backup_failed")
    action = Action.BUCKET_ADOPTED if body.adopt else Action.BACKED_UP
    # Adopting is possible exactly while nothing can be written.
    call.services.audit.record_at_last(action, call.person, subject=backups.standing().bucket)
    return shown(backups)


def dismiss(call: Call, conflict_id: str) -> Replication:
    """Show this conflict no more; its file stays."""
    backups = _backups(call)
    backups.dismiss(conflict_id)
    call.services.audit.record(Action.CONFLICT_DISMISSED, call.person, subject=conflict_id)
    return shown(backups)


def shown(backups: Backups | None) -> Replication:
    """Without a bucket everything is null."""
    standing = None if backups is None else backups.standing()
    log = standing.log if standing else None
    return Replication(
        bucket=standing.bucket if standing else None,
        last_backup_at=standing.last_backup_at if standing else None,
        trouble=standing.trouble if standing else None,
        emptied=standing is not None and standing.emptied,
        conflicts=[
            ReplicationConflict(id=each.id, database=each.database, set_aside_at=each.at)
            for each in (standing.conflicts if standing else ())
        ],
        lag_s=round(log.lag_s, 3) if log else None,
        bytes_unshipped=log.bytes_waiting if log else None,
        last_shipped_at=log.last_shipped_at if log else None,
        epoch=log.epoch if log else None,
        seq=log.seq if log else None,
        holder=standing.holder if standing else None,
        cost_per_month_usd=standing.cost_per_month_usd if standing else None,
    )


def _backups(call: Call) -> Backups:
    if call.services.backups is None:
        raise NotFound("No bucket is configured. Set GCS_BUCKET_NAME or BUCKET_DIR.")
    return call.services.backups
