"""Gates: before work that takes a processor or memory for long, so that no flood of it keeps all threads waiting."""

from threading import BoundedSemaphore

from sqlalchemy.exc import TimeoutError as PoolTimeout


class Gate:
    """Lets so many in at one time and so many more wait. Whoever comes after those is told that the desk is away."""

    def __init__(self, at_once: int, waiting: int):
        self.most = at_once + waiting
        self._inside = BoundedSemaphore(at_once)
        self._near = BoundedSemaphore(self.most)

    def __enter__(self) -> None:
        if not self._near.acquire(blocking=False):
            raise PoolTimeout("too many want the same at once")
        self._inside.acquire()

    def __exit__(self, *_error: object) -> None:
        self._inside.release()
        self._near.release()
