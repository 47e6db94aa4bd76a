"""How the endpoint served: latency, throughput, errors and cost, by its own log."""

from fullcircle.core.service.costs import Uptime, measure_costs
from fullcircle.core.service.report import measure_service
from fullcircle.core.service.settings import ServiceSettings

__all__ = ["ServiceSettings", "Uptime", "measure_costs", "measure_service"]
