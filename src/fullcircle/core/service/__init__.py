"""How the endpoint served: latency, throughput, errors and cost, by its own log."""

from fullcircle.core.service.costs import MachineHours, measure_costs
from fullcircle.core.service.report import measure_service
from fullcircle.core.service.settings import ServiceSettings

__all__ = ["MachineHours", "ServiceSettings", "measure_costs", "measure_service"]
