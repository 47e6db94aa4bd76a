"""Where the TLC's files are to be had: one a month, about two months after it.

The TLC may publish a month anew, with other rows.
"""

from fullcircle.core.published_files import PublishedFile

_TLC = "https://d37ci6vzurychx.cloudfront.net"
_TRIPS = PublishedFile(
    path="nyc_taxi/green_tripdata_{month}.parquet",
    address=f"{_TLC}/trip-data/green_tripdata_{{month}}.parquet",
    publisher="NYC Taxi & Limousine Commission",
    needed=False,
)
_KNOWN = {
    "2025-01": (1_178_451, "84f3a121667157efcbf012c3566a6065df6f8e0312c678cb2f29cd72cc9c0f10"),
    "2025-02": (1_117_474, "b3ffe16a96ba0c68c8a8f8b10f049294ae6eb8d21f2e13b3fdbd452fa2e3498e"),
    "2025-03": (1_253_510, "d58e8d08e5e8a34c12f0d3f5ea049ae25c7c8215218a6af7bf6b8124ecde1c79"),
}


def _take_month(month: str, size_bytes: int, sha256: str) -> PublishedFile:
    known = _TRIPS.of_month(month)
    return PublishedFile(known.path, known.address, known.publisher, size_bytes, sha256)


FILES = (
    *(_take_month(month, *facts) for month, facts in _KNOWN.items()),
    _TRIPS,
    PublishedFile(
        path="nyc_taxi/taxi_zone_lookup.csv",  # names of the zones; no pipeline reads it
        address=f"{_TLC}/misc/taxi_zone_lookup.csv",
        publisher="NYC Taxi & Limousine Commission",
        needed=False,
    ),
)
