"""Reading the configuration: what cannot be read or is not known is refused where it stands."""

from fullcircle.configuration.loader import CheckedConfigLoader

__all__ = ["CheckedConfigLoader"]
