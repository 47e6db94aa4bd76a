"""Where IBM's file is to be had."""

from fullcircle.core.published_files import PublishedFile

FILES = (
    PublishedFile(
        path="Telco-Customer-Churn.csv",
        address=(
            "https://raw.githubusercontent.com/IBM/telco-customer-churn-on-icp4d/master/data/"
            "Telco-Customer-Churn.csv"
        ),
        publisher="IBM",
        size_bytes=970_457,
        sha256="16320c9c1ec72448db59aa0a26a0b95401046bef5d02fd3aeb906448e3055e91",
    ),
)
