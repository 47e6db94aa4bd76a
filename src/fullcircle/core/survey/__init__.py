"""A first look at a table: what it holds, what looks dangerous, and what problem it proposes."""

from fullcircle.core.survey.findings import Finding, of_level
from fullcircle.core.survey.proposal import Proposal, propose_problem
from fullcircle.core.survey.wishes import Wishes

__all__ = ["Finding", "Proposal", "Wishes", "of_level", "propose_problem"]
