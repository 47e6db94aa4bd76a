"""A first look at a table: what it holds, what looks dangerous, and what problem it proposes."""

from fullcircle.ingestion.inference.issues import Issue, of_level
from fullcircle.ingestion.inference.options import ProblemOptions
from fullcircle.ingestion.inference.proposal import Proposal, propose_problem

__all__ = ["Issue", "ProblemOptions", "Proposal", "of_level", "propose_problem"]
