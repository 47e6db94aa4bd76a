"""What happens around a run: the engine, checks, tracking, timing and the closing summary."""

from fullcircle.hooks.clocks import ClockHook
from fullcircle.hooks.engine import EngineHook
from fullcircle.hooks.progress import ProgressHook
from fullcircle.hooks.run_lock import RunLockHook, RunLockReleaseHook
from fullcircle.hooks.runners import RunnerHook
from fullcircle.hooks.settings_checks import SettingsHook
from fullcircle.hooks.summary import SummaryHook
from fullcircle.hooks.timing import RunTimer
from fullcircle.hooks.tracking import TrackingHook

__all__ = [
    "ClockHook",
    "EngineHook",
    "ProgressHook",
    "RunLockHook",
    "RunLockReleaseHook",
    "RunTimer",
    "RunnerHook",
    "SettingsHook",
    "SummaryHook",
    "TrackingHook",
]
