"""Figures in the text format of Prometheus (exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from roost import __version__
from roost.domain.replication import BackupStanding
from roost.web.calls import Call

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """`kind` is counter or gauge; each sample has its labels and its value."""

    name: str
    kind: str
    sentence: str
    samples: tuple[tuple[Labels, float], ...]


def render(call: Call) -> str:
    return "".join(_lines(_metrics(call)))


def _metrics(call: Call) -> Iterator[Metric]:
    services = call.services
    standing = services.readiness.standing
    uptime_s = (services.clock.now() - services.started_at).total_seconds()
    yield Metric("roost_info", "gauge", "The running version.", (((("version", __version__),), 1),))
    yield _one("roost_ready", "gauge", "1 once requests are answered.", int(standing.ready))
    full = int(services.disk_trouble() is not None)
    yield _one("roost_disk_full", "gauge", "1 while the disk does not take what is written.", full)
    yield _one("roost_uptime_seconds", "gauge", "Seconds since the start.", uptime_s)
    answered = _answered(call)
    yield Metric("roost_http_requests_total", "counter", "Requests answered, by class of status.", answered)
    yield _one("roost_streams_open", "gauge", "Open streams.", call.shared.streams.open)
    if services.backups is not None:
        yield from _replication(services.backups.standing())
    if not standing.reads:
        return
    counts = services.supervisor.counts().items()
    bots = tuple(((("status", status.value),), float(count)) for status, count in counts)
    yield Metric("roost_bots", "gauge", "Bots started in this process, by status.", bots)
    yield _one(
        "roost_ambiguous_sends_total",
        "counter",
        "Sends repeated without knowing whether the first had arrived.",
        services.ambiguous_sends(),
    )
    index = services.index_state()
    yield _one("roost_chunks", "gauge", "Passages that can be found.", index.chunks)
    yield _one("roost_vectors", "gauge", "Passages that can be found by meaning.", index.vectors)


def _replication(standing: BackupStanding) -> Iterator[Metric]:
    yield _one("roost_backups_total", "counter", "Copies put into the bucket.", standing.backups_total)
    yield _one("roost_backup_failures_total", "counter", "Attempts that failed.", standing.failures_total)
    conflicts = len(standing.conflicts)
    yield _one("roost_backup_conflicts", "gauge", "Files set aside, not yet dismissed.", conflicts)
    yield _one("roost_lease_held", "gauge", "1 while this process may write.", int(standing.may_write))
    if standing.last_backup_at is not None:
        yield _one(
            "roost_last_backup_timestamp_seconds",
            "gauge",
            "When the plain copies last had everything, in Unix time.",
            standing.last_backup_at.timestamp(),
        )
    if standing.cost_per_month_usd is not None:
        yield _one(
            "roost_bucket_cost_per_month_usd",
            "gauge",
            "What the bucket costs a month, estimated.",
            standing.cost_per_month_usd,
        )
    if standing.log is None:
        return
    log = standing.log
    yield _one("roost_replication_epoch", "gauge", "The log's epoch.", log.epoch)
    yield _one("roost_replication_sequence", "gauge", "The last segment in the bucket.", log.seq)
    yield _one("roost_replication_lag_seconds", "gauge", "Age of the oldest unshipped write.", log.lag_s)
    yield _one("roost_replication_unshipped_bytes", "gauge", "What waits to be shipped.", log.bytes_waiting)
    yield _one("roost_segments_total", "counter", "Segments put into the bucket.", log.segments_total)
    yield _one("roost_segment_bytes_total", "counter", "Their bytes.", log.bytes_total)
    yield _one("roost_segment_failures_total", "counter", "Attempts that failed.", log.failures_total)
    if log.last_shipped_at is not None:
        yield _one(
            "roost_last_shipped_timestamp_seconds",
            "gauge",
            "When a segment was last put into the bucket, in Unix time.",
            log.last_shipped_at.timestamp(),
        )


def _answered(call: Call) -> tuple[tuple[Labels, float], ...]:
    counts = call.shared.answered.counts()
    return tuple(((("status", name),), float(counts[name])) for name in sorted(counts))


def _one(name: str, kind: str, sentence: str, value: float) -> Metric:
    return Metric(name, kind, sentence, (((), value),))


def _lines(metrics: Iterable[Metric]) -> Iterator[str]:
    for metric in metrics:
        yield f"# HELP {metric.name} {metric.sentence}\n# TYPE {metric.name} {metric.kind}\n"
        for labels, value in metric.samples:
            shown = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels)
            yield f"{metric.name}{'{' + shown + '}' if shown else ''} {value:.15g}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
