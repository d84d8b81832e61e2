"""A workspace as a file, out and in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO

from flask import Response

from roost.errors import Forbidden, Unavailable
from roost.services.workspace_transfer import Tally as Counted
from roost.web.calls import Call
from roost.web.payloads_operations import ExportRequest, Imported, Tally

ZIP = "application/zip"
PART_BYTES = 64 * 1024


def export(call: Call, body: ExportRequest) -> Response:
    """Your bots, the sources and your conversations as a file; with tokens only to this machine."""
    secret = call.caller.secret
    if body.tokens and not (secret and call.services.local_key.is_secret(secret)):
        raise Forbidden(
            "Tokens leave Roost only by `roost export --with-tokens` on its machine. Export without them.",
            code="tokens_stay",
        )
    file = _temporary(call)
    try:
        call.services.transfer.export(call.person, file, tokens=body.tokens)
    except OSError as error:
        file.close()
        raise _no_room(error) from error
    except BaseException:  # cleaned up and raised on - whatever it was
        file.close()
        raise
    file.seek(0)
    answer = Response(_parts(file), content_type=ZIP)
    answer.headers["Content-Disposition"] = 'attachment; filename="roost-workspace.zip"'
    answer.call_on_close(file.close)
    return answer


def import_(call: Call) -> Imported:
    """Take over what an export holds; it becomes yours, and bots come stopped. May be repeated."""
    with _temporary(call) as file:
        try:
            call.request.save_upload(file, ZIP)
            file.seek(0)
        except OSError as error:
            raise _no_room(error) from error
        done = call.services.transfer.import_(call.person, file)
    return Imported(
        bots=_tally(done.bots),
        sources=_tally(done.sources),
        conversations=_tally(done.conversations),
        messages=_tally(done.messages),
        tokens_missing=done.tokens_missing,
        refused=done.refused,
    )


def _temporary(call: Call) -> IO[bytes]:
    """A file without a name: nothing is left of it, whatever happens."""
    try:
        return tempfile.TemporaryFile(dir=call.services.settings.data_dir)
    except OSError as error:
        raise _no_room(error) from error


def _no_room(error: OSError) -> Unavailable:
    return Unavailable(
        f"The file could not be kept for a moment: {error.strerror}. Free some space in DATA_DIR.",
        code="disk_full",
        retry_after_s=10,
    )


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    while part := file.read(PART_BYTES):
        yield part


def _tally(counted: Counted) -> Tally:
    return Tally(added=counted.added, known=counted.known)
