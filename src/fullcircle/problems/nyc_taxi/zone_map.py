"""Zones on a map, drawn from nothing but the miles that meters showed between them.

Method: multidimensional scaling. Shortest paths over the metered pairs give every two zones a
distance, classical scaling (Torgerson 1952, Psychometrika 17) turns them into a first map, and the
weighted stress of the metered pairs (Kruskal 1964, Psychometrika 29) is then made as small as it
gets. A map can be turned and mirrored at will; an orthogonal Procrustes rotation (Schönemann 1966,
Psychometrika 31) lays it onto the one before, so that x and y keep their meaning.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import orthogonal_procrustes
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, shortest_path
from sklearn.manifold import ClassicalMDS
from threadpoolctl import threadpool_limits

MIN_ZONES = 10  # a map of fewer zones says little, and every later one is laid onto it
_WITHIN_ZONE_MILES = 0.7  # a trip starts and ends somewhere in its zones, not at their centres
_MAX_ITERATIONS = 1000


@dataclass(frozen=True)
class MeteredPairs:
    """What meters showed between zones, whichever way the cab drove.

    Attributes:
        zones: Number of zones; each is named by its place, from 0.
        ends: Zones of a pair, the lower one first, each pair once; shape (pairs, 2).
        miles: Typical miles of the pair, above 0; shape (pairs,).
        trips: Trips that the miles rest on; shape (pairs,).
    """

    zones: int
    ends: np.ndarray
    miles: np.ndarray
    trips: np.ndarray

    def between(self, places: np.ndarray) -> "MeteredPairs":
        """Keep the pairs of two different zones among ``places``, and name these from 0."""
        new = np.full(self.zones, -1)
        new[places] = np.arange(len(places))
        ends = new[self.ends]
        kept = (ends >= 0).all(axis=1) & (ends[:, 0] != ends[:, 1])
        return MeteredPairs(len(places), ends[kept], self.miles[kept], self.trips[kept])


def find_connected(pairs: MeteredPairs) -> np.ndarray:
    """Give the zones of the largest part that trips connect; of equal parts, the first."""
    _, part = connected_components(_as_graph(pairs), directed=False)
    return np.flatnonzero(part == np.bincount(part).argmax()) if len(part) else part


def shortest_miles(pairs: MeteredPairs) -> np.ndarray:
    """Miles of the shortest way along metered pairs, shape (zones, zones); infinite for no way."""
    return np.asarray(shortest_path(_as_graph(pairs), directed=False))


def place_zones(pairs: MeteredPairs, paths: np.ndarray, previous: np.ndarray) -> np.ndarray:
    """Place connected zones so that their distances come near to the metered miles.

    The search starts from the previous map, and from a classical one where that has no place: of
    several maps that fit about equally well it finds the one that moves the zones least.

    Args:
        pairs: Metered pairs of different zones, all connected.
        paths: Shortest miles, shape (zones, zones).
        previous: Earlier positions in miles, NaN where there is none; shape (zones, 2).

    Returns:
        Positions in metered miles, laid onto the previous ones; shape (zones, 2).
    """
    # Threads of BLAS cost many times what they save on arrays this small.
    with threadpool_limits(limits=1, user_api="blas"):
        start = lay_onto(ClassicalMDS(n_components=2).fit_transform(paths), previous)
        start = np.where(np.isnan(previous), start, previous)
        return lay_onto(_reduce_stress(pairs, start), previous)


def lay_onto(positions: np.ndarray, previous: np.ndarray) -> np.ndarray:
    """Turn, mirror and shift a map, shape (zones, 2), onto the zones that both maps know.

    With fewer than three zones in common nothing says how to turn, and the map is kept as it is.
    """
    known = ~np.isnan(previous).any(axis=1)
    if known.sum() < 3:
        return positions
    old, new = previous[known].mean(axis=0), positions[known].mean(axis=0)
    turn, _ = orthogonal_procrustes(positions[known] - new, previous[known] - old)
    return np.asarray((positions - new) @ turn + old)


def _reduce_stress(pairs: MeteredPairs, start: np.ndarray) -> np.ndarray:
    """Minimise the weighted squared difference between distances and metered miles.

    Weights are sqrt(trips) / miles, not below a mile: errors grow with the way, and the trips of
    one pair have the errors of their streets in common, so that a hundred trips do not tell a
    hundred times as much as one.
    """
    one, other = pairs.ends.T
    weights = np.sqrt(pairs.trips) / np.maximum(pairs.miles, 1.0)

    def stress(flat: np.ndarray) -> tuple[float, np.ndarray]:
        way = flat.reshape(-1, 2)[one] - flat.reshape(-1, 2)[other]
        distance = np.sqrt((way**2).sum(axis=1) + _WITHIN_ZONE_MILES**2)
        error = distance - pairs.miles
        pull = (weights * error / distance)[:, None] * way
        slope = [
            np.bincount(one, pull[:, axis], pairs.zones)
            - np.bincount(other, pull[:, axis], pairs.zones)
            for axis in (0, 1)
        ]
        return float((weights * error**2).sum() / 2), np.stack(slope, axis=1).ravel()

    options = {"maxiter": _MAX_ITERATIONS}
    found = minimize(stress, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x.reshape(-1, 2))


def _as_graph(pairs: MeteredPairs) -> csr_array:
    shape = (pairs.zones, pairs.zones)
    return csr_array((pairs.miles, (pairs.ends[:, 0], pairs.ends[:, 1])), shape=shape)
