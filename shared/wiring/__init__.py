"""Which adapter answers which port, for one process."""

from functools import lru_cache
from threading import Lock

from shared.settings import Settings, read_settings
from shared.wiring.parts import Parts
from shared.wiring.services import Services

_LOCK = Lock()


@lru_cache(maxsize=1)
def _made() -> Services:
    settings = read_settings(Settings)
    if settings.platform == "aws":
        from shared.adapters.json_logs import log_json
        from shared.wiring.aws import AwsServices

        log_json(settings.log_level)  # one form of line on both platforms; Lambda's own has the words of errors
        return AwsServices(settings)

    from shared.wiring.local import LocalServices

    return LocalServices(settings)


def services() -> Services:
    """The services of this process, from its settings; made once, however many threads ask first."""
    with _LOCK:
        return _made()


def forget_services() -> None:
    """The next call makes new ones, from the settings of that moment."""
    _made.cache_clear()


__all__ = ["Parts", "Services", "forget_services", "services"]
