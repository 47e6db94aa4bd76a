"""Project settings that Kedro reads at start."""

from fullcircle.log_config import quiet_libraries

quiet_libraries()

from fullcircle.config_resolvers import (  # noqa: E402
    list_problems,
    read_source,
    read_switch,
    read_variable,
)
from fullcircle.configuration import CheckedConfigLoader  # noqa: E402
from fullcircle.hooks import (  # noqa: E402
    ClockHook,
    EngineHook,
    ProgressHook,
    RunLockHook,
    RunLockReleaseHook,
    RunnerHook,
    RunTimer,
    SettingsHook,
    SummaryHook,
    TrackingHook,
)

_timer = RunTimer()
_lock = RunLockHook()
HOOKS = (
    _timer,
    SettingsHook(),
    ClockHook(),
    _lock,
    RunLockReleaseHook(_lock),
    RunnerHook(),
    EngineHook(),
    ProgressHook(_timer),
    TrackingHook(_timer),
    SummaryHook(_timer),
)

# TrackingHook is kedro-mlflow's own hook, extended; the plugin's plain one would log twice.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow",)

CONFIG_LOADER_CLASS = CheckedConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft", "globals": "soft", "mlflow": "soft", "spark": "soft"},
    "config_patterns": {
        "mlflow": ["mlflow*", "mlflow*/**", "**/mlflow*"],
        "spark": ["spark*", "spark*/**"],
        "maintenance": ["maintenance*", "maintenance*/**"],
        # Secrets lie in conf/local alone, whichever environment runs.
        "credentials": ["../local/credentials*", "../local/**/credentials*"],
    },
    "custom_resolvers": {
        "switch": read_switch,
        "problems": list_problems,
        "source": read_source,
        "oc.env": read_variable,
    },
}
