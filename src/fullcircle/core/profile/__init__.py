"""Distributions as counts in fixed bins: of the reference at training, and of any window since."""

from fullcircle.core.profile.bins import PREDICTION, bin_labels, count_groups
from fullcircle.core.profile.reference import Profile, build_profile, merge_profiles
from fullcircle.core.profile.window import profile_window, readable

__all__ = [
    "PREDICTION",
    "Profile",
    "bin_labels",
    "build_profile",
    "count_groups",
    "merge_profiles",
    "profile_window",
    "readable",
]
