"""Where the Pima file is to be had.

The NIDDK's own page of it is gone; Kaggle (uciml/pima-indians-diabetes-database) asks for a login.
"""

from fullcircle.core.published_files import PublishedFile

FILES = (
    PublishedFile(
        path="diabetes.csv",
        address="https://raw.githubusercontent.com/plotly/datasets/master/diabetes.csv",
        publisher="NIDDK, a copy kept by Plotly",
        size_bytes=23_873,
        sha256="698c203a14aa31941d2251175330c9199f3ccdb31597abbba2a3e35416257a72",
    ),
)
