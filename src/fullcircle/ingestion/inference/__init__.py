"""A first look at a table: what it holds, what looks dangerous, and what problem it proposes."""

from fullcircle.ingestion.inference.issues import Finding, of_level
from fullcircle.ingestion.inference.options import Wishes
from fullcircle.ingestion.inference.proposal import Proposal, propose_problem

__all__ = ["Finding", "Proposal", "Wishes", "of_level", "propose_problem"]
