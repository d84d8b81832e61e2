"""Pictures that outlive this machine: in the bucket before anything may name them."""

from __future__ import annotations

from typing import Protocol

from roost.domain.images import is_named_so, media_type, name_of
from roost.errors import NotFound, RemoteError, Unavailable
from roost.storage.image_files import ImageFiles


class ImageObjects(Protocol):
    """The bucket's pictures. Raises what the bucket raises."""

    def put(self, name: str, content: bytes) -> None: ...

    def has(self, name: str) -> bool: ...

    def get(self, name: str) -> bytes | None:
        """None when the bucket says that there is none."""
        ...


class Images:
    """`objects` is None without a bucket. Thread-safe."""

    def __init__(self, files: ImageFiles, objects: ImageObjects | None) -> None:
        self._files = files
        self._objects = objects

    def keep(self, content: bytes) -> str:
        """The picture's name, which may be stored now: the picture is here, and in the bucket. Repeating it
        does no harm.

        Raises InvalidInput for what is no picture, TooLarge, Unavailable when the bucket cannot be reached or
        the disk is full.
        """
        name = name_of(content)
        if self._objects is not None:
            try:
                self._objects.put(name, content)
            except RemoteError as error:
                raise Unavailable(
                    f"The picture could not be kept. {error.message}", code=error.code, retry_after_s=5
                ) from error
        self._files.write(name, content)
        return name

    def bring(self) -> int:
        """Puts into the bucket what this machine alone has: it was kept without a bucket, or the bucket was
        emptied since. Returns how many. Raises RemoteError.
        """
        if self._objects is None:
            return 0
        brought = 0
        for name in self._files.names():
            content = self._files.read(name)
            if content is not None and is_named_so(name, content) and not self._objects.has(name):
                self._objects.put(name, content)
                brought += 1
        return brought

    def open(self, name: str) -> bytes:
        """From here, or from the bucket where this machine has not got it, or not whole. Raises NotFound,
        Unavailable.
        """
        media_type(name)
        content = self._files.read(name)
        if content is not None and is_named_so(name, content):
            return content
        if self._objects is None:
            raise NotFound("That picture is not here any more.")
        try:
            content = self._objects.get(name)
        except RemoteError as error:
            raise Unavailable(
                f"The picture cannot be fetched. {error.message}", code=error.code, retry_after_s=5
            ) from error
        if content is None or not is_named_so(name, content):
            raise NotFound("That picture is not here any more.")
        self._files.write(name, content)
        return content
