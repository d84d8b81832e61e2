"""What a process with a bucket does, from its start to its end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from roost.clock import Clock, Ids
from roost.domain.costs import cost_per_month_usd
from roost.domain.replication import BackupStanding
from roost.errors import ObjectMissing, RemoteError, RoostError, StorageError, Unavailable
from roost.replication.candidacy import Candidacy, Terms
from roost.replication.counted_store import CountedStore
from roost.replication.directory_store import DirectoryStore
from roost.replication.folder_id import folder_home, folder_id
from roost.replication.gcs import GcsStore
from roost.replication.image_objects import BucketImages
from roost.replication.layout import DATABASES, epoch_document
from roost.replication.lease import HeldLease, Holder, LeaseLost
from roost.replication.markers import marker_path, read_marker
from roost.replication.object_store import ObjectStore
from roost.replication.plain_copies import PlainCopies
from roost.replication.renewal import Renewal
from roost.replication.set_aside import conflicts, dismiss
from roost.replication.shipper import Shipper
from roost.replication.taking_over import Begun, TakingOver
from roost.replication.tenure import SUSPENDED, Duties, Tenure
from roost.replication.want import Requests
from roost.services.readiness import Readiness, State
from roost.settings import Settings
from roost.storage.adoption import request_adoption
from roost.storage.data_folder import YIELDED
from roost.storage.database import Database
from roost.storage.migrations import migrations

log = logging.getLogger("roost.replication")

FLUSH_S = 5.0
STOP_FLUSH_S = 2.5
FINISH_S = 1.5
RETRY_FIRST_S = 0.5
RETRY_AT_MOST_S = 15.0
EMPTIED = "bucket_emptied"
EMPTIED_SENTENCE = (
    "The bucket was emptied or exchanged: {place} does not hold any more what Roost has put there. Put it "
    "back, or go on with what is here: by the button on the page Status, or by `roost backup now --adopt`."
)


def open_store(settings: Settings, clock: Clock) -> ObjectStore:
    """The bucket that the settings name; nothing is asked of it yet."""
    if settings.gcs_bucket_name is not None:
        return GcsStore(
            settings.gcs_bucket_name,
            settings.google_application_credentials,
            settings.storage_emulator_host,
        )
    if settings.bucket_dir is not None:
        return DirectoryStore(settings.bucket_dir, clock)
    raise ValueError("the settings name no bucket")


class Bucket:
    """`services.backups.Backups`, and the steps of a start and a stop, in this order: `take_over`, the
    databases are opened, `begin`, `watch`; `begin_stop`, `finish`, the databases are closed, `copy_at_last`.
    """

    def __init__(
        self,
        settings: Settings,
        databases: Mapping[str, Database],
        readiness: Readiness,
        clock: Clock,
        ids: Ids,
        stopping: threading.Event,
    ) -> None:
        self._settings = settings
        self._data_dir = settings.data_dir
        self._databases = databases
        self._readiness = readiness
        self._clock = clock
        self._ids = ids
        self._stopping = stopping
        self._store = CountedStore(open_store(settings, clock), clock)
        self._lease: HeldLease | None = None
        self._candidacy: Candidacy | None = None
        self._renewal: Renewal | None = None
        self._begun: Begun | None = None
        self._tenure: Tenure | None = None
        self._shipper = Shipper(self._store, databases, clock, settings.ship_interval_s, self._fenced)
        self._trouble: str | None = None
        self._trouble_code: str | None = None
        self._watched = False
        self._reading = False
        self._tried_reading = False
        for name, database in databases.items():
            database.guard(
                self._admit,
                partial(self._shipper.before_checkpoint, name),
                partial(self._shipper.after_checkpoint, name),
            )

    @property
    def images(self) -> BucketImages:
        return BucketImages(self._store)

    def take_over(self, *, wait: bool = True) -> None:
        """Until this process holds the lease and both files are as they should be; nobody has them open then.

        Raises Unavailable when Roost stops; without `wait` also whenever it cannot begin now.
        """
        self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._make_new_folder()
        me = Holder(
            instance=self._ids.new(),
            folder=folder_id(self._data_dir, self._ids.new()),
            revision=self._settings.revision,
            started_at=self._clock.now(),
            home=folder_home(self._data_dir),
        )
        taking = TakingOver(self._store, self._data_dir, me, self._clock, self._stopping)
        terms = Terms(
            me,
            self._settings.lease_ttl_s,
            {database: len(migrations(database)) for database in DATABASES},
            may_ask=not (self._data_dir / YIELDED).exists(),
        )
        candidacy = self._candidacy = Candidacy(
            self._store, terms, self._clock, self._ids, self._stopping, taking.check, self._report
        )
        # One that hangs is asked for seconds before it counts as out of reach.
        self._readiness.set(State.RESTORING, f"Waiting for the bucket {self._store.place}.")
        pause_s = RETRY_FIRST_S
        while True:
            try:
                lease = candidacy.wait() if wait else candidacy.take_now()
                self._close_reading()
                self._hold(lease, me)
                self._begun = self._bring_together(taking, lease, wait=wait)
            except LeaseLost as error:
                self._let_go()
                log.warning("Standing by again: %s", error.message)
            except (RemoteError, StorageError) as error:
                # Another one may be able to use what this one cannot.
                self._let_go()
                if not wait:
                    raise
                self._report(error.message, error.code)
                self._stopping.wait(pause_s)
                pause_s = min(pause_s * 2, RETRY_AT_MOST_S)
            except BaseException:  # cleaned up and raised on - whatever it was
                self._let_go()
                raise
            else:
                self._trouble = self._trouble_code = None
                return

    def begin(self) -> None:
        """From here on everything that is written is shipped. May be called again if it fails."""
        if self._begun is None or self._lease is None or self._renewal is None:
            raise ValueError("nothing was taken over")
        if self._tenure is not None:
            return
        self._shipper.begin(self._begun.document, self._begun.hashes)
        copies = PlainCopies(
            self._store,
            self._data_dir,
            self._databases,
            self._clock,
            self._lease.epoch,
            lambda: self._renewal is not None and self._renewal.lost is None,
        )
        self._tenure = Tenure(
            self._store,
            self._data_dir,
            self._lease,
            self._renewal,
            self._shipper,
            copies,
            self._databases,
            self._readiness,
            self._clock,
        )

    def watch(self, duties: Duties) -> None:
        self._running.watch(duties)
        self._watched = True

    def require(self) -> None:
        """Raises Unavailable unless duties may be begun now."""
        self._admit()

    def begin_stop(self) -> None:
        if self._tenure is not None:
            self._tenure.begin_stop(STOP_FLUSH_S)

    def finish(self) -> None:
        if self._tenure is not None:
            self._tenure.finish(FINISH_S)
        else:
            self._let_go()
        self._close_reading()

    def copy_at_last(self) -> None:
        """From files that nobody writes any more. Not after a command: a server does it when it comes."""
        if self._tenure is not None and self._watched:
            self._tenure.copies.back_up()

    def standing(self) -> BackupStanding:
        tenure = self._tenure
        copies = None if tenure is None else tenure.copies
        lease = self._lease
        return BackupStanding(
            bucket=self._store.place,
            last_backup_at=None if copies is None else copies.last_backup_at,
            trouble=self._trouble or (None if tenure is None else tenure.trouble),
            conflicts=conflicts(self._data_dir),
            backups_total=0 if copies is None else copies.backups_total,
            failures_total=0 if copies is None else copies.failures_total,
            emptied=self._trouble_code == EMPTIED,
            holder=self._other() if lease is None else lease.holder.instance,
            log=None if tenure is None else tenure.log_standing(),
            cost_per_month_usd=cost_per_month_usd(self._store.use()),
            may_write=tenure is not None and lease is not None and lease.valid(),
        )

    def back_up_now(self, *, adopt: bool = False) -> bool:
        tenure = self._tenure
        if tenure is None:
            if adopt and self._trouble_code == EMPTIED:
                request_adoption(self._data_dir)
                return True
            return False
        try:
            self._store.stat(epoch_document(self._running_epoch))
        except ObjectMissing:
            return self._emptied_while_running(tenure, adopt=adopt)
        except RemoteError as error:
            log.warning("Backing up failed: %s", error.message)
            return False
        return tenure.flush(FLUSH_S) and tenure.copies.back_up()

    def dismiss(self, conflict_id: str) -> None:
        dismiss(self._data_dir, conflict_id)

    def _emptied_while_running(self, tenure: Tenure, *, adopt: bool) -> bool:
        self._trouble_code = EMPTIED
        self._trouble = EMPTIED_SENTENCE.format(place=self._store.place)
        if adopt:
            request_adoption(self._data_dir)
            self._trouble = f"{self._store.place} is used as it is, and filled from this disk, in a moment."
            tenure.fence(self._trouble)
        return adopt

    @property
    def _running_epoch(self) -> int:
        return 0 if self._lease is None else self._lease.epoch

    @property
    def _running(self) -> Tenure:
        if self._tenure is None:
            raise ValueError("the log has not begun")
        return self._tenure

    def _admit(self) -> None:
        lease = self._lease
        if lease is None or not lease.valid():
            raise Unavailable(SUSPENDED, code=State.STANDBY, retry_after_s=2)
        self._shipper.admit()

    def _other(self) -> str | None:
        return None if self._candidacy is None else self._candidacy.holder

    def _fenced(self, reason: str) -> None:
        if self._lease is not None:
            self._lease.end()
        if self._tenure is not None:
            self._tenure.fence(reason)

    def _bring_together(self, taking: TakingOver, lease: HeldLease, *, wait: bool) -> Begun:
        """Tries for as long as the lease is held and the bucket only fails to answer."""
        pause_s = RETRY_FIRST_S
        while True:
            try:
                begun = taking.run(lease)
            except (Unavailable, RemoteError) as error:
                if not (wait and error.retryable) or self._stopping.is_set():
                    raise
                self._report(error.message, error.code)
                log.warning("Taking over: %s", error.message)
                if self._renewal is not None and self._renewal.lost is not None:
                    raise LeaseLost(self._renewal.lost) from error
                self._stopping.wait(pause_s)
                pause_s = min(pause_s * 2, RETRY_AT_MOST_S)
            else:
                if self._renewal is not None:
                    self._renewal.begin()
                return begun

    def _hold(self, lease: HeldLease, me: Holder) -> None:
        self._lease = lease
        self._renewal = Renewal(self._store, lease, Requests(self._store, me), self._clock)
        self._renewal.start()
        self._readiness.set(State.RESTORING, "Roost is restoring your data.")

    def _let_go(self) -> None:
        """Of a lease whose epoch has not begun, or whose databases were never opened."""
        lease, self._lease = self._lease, None
        if self._renewal is not None:
            self._renewal.stop()
            self._renewal = None
        if lease is None:
            return
        lease.end()
        try:
            lease.release(None)
        except RoostError as error:
            log.info("The lease was not released: %s", error.message)

    def _report(self, sentence: str, code: str | None) -> None:
        """`code` is None while another Roost is at work, else what is wrong."""
        self._trouble, self._trouble_code = (None if code is None else sentence), code
        self._open_reading()
        state = State.STANDBY if code is None or self._reading else State.RESTORING
        self._readiness.set(state, sentence, reads=self._reading)

    def _open_reading(self) -> None:
        """Files of this disk that know the bucket are shown while somebody else writes, or nobody can."""
        if self._tried_reading or self._lease is not None:
            return
        self._tried_reading = True
        for database in DATABASES:
            marker = read_marker(self._data_dir, database)
            if marker is None or marker.place != self._store.place:
                return
        try:
            for each in self._databases.values():
                each.open_for_reading()
        except RoostError as error:
            log.info("Files of this disk are not shown meanwhile: %s", error.message)
            self._close_databases()
            return
        self._reading = True

    def _close_reading(self) -> None:
        if self._reading:
            self._readiness.set(State.RESTORING, "Roost is restoring your data.")
            self._reading = False
            self._close_databases()
        self._tried_reading = False

    def _close_databases(self) -> None:
        for each in self._databases.values():
            each.close()

    def _make_new_folder(self) -> None:
        """Only what was never used before: a folder that has vanished may be a disk that is not mounted."""
        folder = self._settings.bucket_dir
        if folder is None:
            return
        if self._settings.secret_key is None:
            log.warning(
                "SECRET_KEY is not set: losing DATA_DIR loses the bots' tokens, although the copies in "
                "BUCKET_DIR remain. Set SECRET_KEY, and keep it somewhere else."
            )
        used = any(marker_path(self._data_dir, database).exists() for database in DATABASES)
        if not used and folder.parent.is_dir():
            self._make(folder)

    @staticmethod
    def _make(folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            log.warning("%s cannot be made: %s", folder, error.strerror)
