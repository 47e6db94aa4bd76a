"""The matrices that models take: for those that add up, and for trees."""

from typing import Any

from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    StandardScaler,
    TargetEncoder,
)

from fullcircle.core.preparation.encoders import ColumnGroup, Folds, TextEncoder
from fullcircle.core.preparation.kinds import PreparationSettings

_MISSING, _UNSEEN = -2, -1


def prepare_linear(task: str, settings: PreparationSettings, *, seed: int = 0) -> ColumnTransformer:
    """Prepare what ColumnReader reads for models that add up: no gaps, one scale, no categories.

    Numbers are imputed by their median and standardised, skewed ones by the power transform of
    Yeo and Johnson (Biometrika 87 (2000) 954-959), and columns say what was missing. Texts of few
    distinct values are one-hot encoded, of many by their cross-fitted target (Micci-Barreca, SIGKDD
    Explorations 3 (2001) 27-32), free text by latent semantic analysis of its n-grams.

    Returns:
        Unfitted; gives a dense float64 matrix of as many columns whatever the rows hold.
    """
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=settings.rare_category_rows,
        sparse_output=False,
    )
    few, many, free = _text_groups(settings, settings.max_one_hot_columns)
    limits = (settings.high_cardinality, settings.max_one_hot_columns)
    # A constant 1 would be a second intercept, and move when the column gets its next value.
    zero = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=_UNSEEN, encoded_missing_value=0
    )
    return _combine(
        ("numbers", make_pipeline(_impute(), StandardScaler()), ColumnGroup("even")),
        ("skewed", _unskew(), ColumnGroup("skewed")),
        ("missing", _indicate(), ColumnGroup("gaps")),
        ("categories", one_hot, few),
        ("constant", zero, ColumnGroup("constant", *limits)),
        ("targets", make_pipeline(_encode_by_target(task, seed), StandardScaler()), many),
        ("texts", TextEncoder(settings.text_components, seed), free),
    )


def prepare_trees(
    task: str, settings: PreparationSettings, *, impute: bool, seed: int = 0
) -> ColumnTransformer:
    """Prepare what ColumnReader reads for trees: numbers as they are, texts as numbers.

    Args:
        task: binary, multiclass or regression.
        settings: What counts as rare and as many.
        impute: Fill missing numbers with the median and say so in columns of their own.
        seed: Seed of the folds and of the analysis of free text.

    Returns:
        Unfitted; gives a dense float64 matrix. A missing category is -2, an unseen one -1.
    """
    ordinal = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=_UNSEEN,
        encoded_missing_value=_MISSING,
        min_frequency=settings.rare_category_rows,
    )
    few, many, free = _text_groups(settings, None)
    # A column without values becomes zeros: HistGradientBoosting refuses one of NaN alone.
    numbers = (
        [
            ("numbers", _impute(), ColumnGroup("numbers")),
            ("missing", _indicate(), ColumnGroup("gaps")),
        ]
        if impute
        else [
            ("numbers", "passthrough", ColumnGroup("known")),
            ("empty", _impute(), ColumnGroup("empty")),
        ]
    )
    return _combine(
        *numbers,
        ("categories", ordinal, few),
        ("targets", _encode_by_target(task, seed), many),
        ("texts", TextEncoder(settings.text_components, seed), free),
    )


def _combine(*steps: tuple[str, Any, ColumnGroup]) -> ColumnTransformer:
    return ColumnTransformer(list(steps), sparse_threshold=0.0)


def _impute() -> SimpleImputer:
    return SimpleImputer(strategy="median", keep_empty_features=True)


def _indicate() -> MissingIndicator:
    return MissingIndicator(features="missing-only", error_on_new=False)


def _unskew() -> Pipeline:
    """Scale before the power, which overflows on large, tiny or left-skewed numbers as they are.

    A number outside the range of the train rows counts as its end, lest the power explode.
    """
    to_range = MinMaxScaler(feature_range=(0, 1000), clip=True)
    return make_pipeline(_impute(), to_range, PowerTransformer(method="yeo-johnson"))


def _encode_by_target(task: str, seed: int) -> TargetEncoder:
    kind = "continuous" if task == "regression" else "auto"
    return TargetEncoder(target_type=kind, cv=Folds(seed=seed))


def _text_groups(
    settings: PreparationSettings, max_one_hot: int | None
) -> tuple[ColumnGroup, ColumnGroup, ColumnGroup]:
    few, many, free = (
        ColumnGroup(name, settings.high_cardinality, max_one_hot)
        for name in ("few", "many", "free")
    )
    return few, many, free
