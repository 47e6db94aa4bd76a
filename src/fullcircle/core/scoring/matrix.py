"""The matrix that a fitted preparation gives, from Arrow batches and without a frame of texts.

Most columns of a table hold few distinct texts. scikit-learn's fitted encoders are asked once for
each of them, and what they answered is laid out by the rows' codes: the same numbers, to the bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, TargetEncoder

from fullcircle.core.metrics import Vector
from fullcircle.core.preparation.encoders import TextEncoder
from fullcircle.core.preparation.reader import ColumnReader, clean_text
from fullcircle.core.scoring.columns import Coded, Outputs, read_column, read_plain
from fullcircle.core.scoring.numpy_transforms import Form, plain_transform

_MAX_REMEMBERED = 50_000  # texts per column
_PIECE_ROWS = 4096


@dataclass
class TextPart:
    """A fitted encoder of text columns, and what it answered so far.

    Attributes:
        encoder: Fitted transformer.
        columns: Its input columns, in order.
        places: Output columns of each input column, as slices of the whole matrix.
        known: Per input column, the encoded outputs by text as it came.
    """

    encoder: Any
    columns: list[str]
    places: list[slice]
    known: list[dict[Any, Vector]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.known = [{} for _ in self.columns]

    def fill(self, matrix: Vector, read: Outputs) -> None:
        """Write the encoded columns into the matrix, shape (rows, width)."""
        coded = [_as_coded(read[name]) for name in self.columns]
        found = self._encode([column.distinct for column in coded])
        for column, blocks, place in zip(coded, found, self.places, strict=True):
            _lay_out(blocks.astype(matrix.dtype), column.codes, matrix[:, place])

    def _encode(self, distinct: list[list[Any]]) -> list[Vector]:
        """Give the outputs of each column's distinct texts, asking for those not yet known."""
        known = self.known
        new = [
            [text for text in texts if text not in seen]
            for texts, seen in zip(distinct, known, strict=True)
        ]
        asked = self._ask(new) if any(new) else [{} for _ in known]
        blocks = [
            np.stack([seen[text] if text in seen else fresh[text] for text in texts])
            for texts, seen, fresh in zip(distinct, known, asked, strict=True)
        ]
        # Another thread may read the old ones meanwhile: they are replaced, never changed.
        self.known = [
            seen | fresh if len(seen) + len(fresh) <= _MAX_REMEMBERED else seen
            for seen, fresh in zip(known, asked, strict=True)
        ]
        return blocks

    def _ask(self, new: list[list[Any]]) -> list[dict[Any, Vector]]:
        """Encode new texts of all columns in one frame, the shorter columns filled up with null."""
        longest = max(map(len, new))
        frame = pd.DataFrame(
            {
                name: pd.Series(
                    [*map(clean_text, texts), *[np.nan] * (longest - len(texts))], dtype=object
                )
                for name, texts in zip(self.columns, new, strict=True)
            }
        )
        encoded = np.asarray(self.encoder.transform(frame), dtype="float64")
        start = self.places[0].start
        return [
            {
                text: encoded[row, place.start - start : place.stop - start]
                for row, text in enumerate(texts)
            }
            for texts, place in zip(new, self.places, strict=True)
        ]


@dataclass(frozen=True)
class NumberPart:
    """A fitted transformer of number columns; None takes them as they are.

    Attributes:
        transformer: The transformer.
        columns: Its input columns, in order.
        place: Its output columns in the whole matrix.
        form: The transformer as plain arithmetic, where it has such a form.
    """

    transformer: Any
    columns: list[str]
    place: slice
    form: Form | None = None

    def fill(self, matrix: Vector, read: Outputs) -> None:
        """Write the transformed columns into the matrix, shape (rows, width)."""
        if self.transformer is None:
            for place, name in enumerate(self.columns, start=self.place.start):
                matrix[:, place] = read[name]
        elif self.form is not None:
            given = np.column_stack([np.asarray(read[name]) for name in self.columns])
            matrix[:, self.place] = self.form(given)
        else:
            frame = pd.DataFrame({name: read[name] for name in self.columns}, copy=False)
            matrix[:, self.place] = self.transformer.transform(frame)


class FastPreparation:
    """Reads and prepares Arrow batches as a fitted ColumnReader and ColumnTransformer do."""

    def __init__(self, reader: ColumnReader, prepare: ColumnTransformer, dtype: str) -> None:
        """Take a fitted preparation apart.

        Args:
            reader: Reads columns by its plan.
            prepare: Fitted on what the reader gives.
            dtype: Of the matrix.

        Raises:
            TypeError: A part is of a kind that is not known here.
        """
        self._entries = [entry for entry in reader.plan if entry["action"] == "keep"]
        self._dtype = dtype
        self.width = max((place.stop for place in prepare.output_indices_.values()), default=0)
        self._parts = [
            _take_part(transformer, list(columns), prepare.output_indices_[name])
            for name, transformer, columns in prepare.transformers_
            if name != "remainder" and len(columns)
        ]

    def transform(self, batch: pa.RecordBatch) -> Vector:
        """Give the matrix of a batch that has the plan's columns, shape (rows, width)."""
        read: Outputs = {}
        for entry in self._entries:
            read |= read_column(batch.column(entry["column"]), entry)
        return self._lay_out(read, batch.num_rows)

    def transform_values(self, columns: Mapping[str, Sequence[Any]]) -> Vector:
        """Give the matrix of columns of plain values, shape (rows, width)."""
        read: Outputs = {}
        for entry in self._entries:
            read |= read_plain(columns[entry["column"]], entry)
        return self._lay_out(read, len(next(iter(columns.values()))))

    def _lay_out(self, read: Outputs, rows: int) -> Vector:
        matrix = np.empty((rows, self.width), dtype=self._dtype)
        for part in self._parts:
            part.fill(matrix, read)
        return matrix


def _lay_out(blocks: Vector, codes: Vector, target: Vector) -> None:
    """Write the block of each row's code, piece by piece, so that what is written stays at hand."""
    for start in range(0, len(codes), _PIECE_ROWS):
        piece = slice(start, start + _PIECE_ROWS)
        # Codes are places among the blocks; to clip them is the way that does not check again.
        target[piece] = blocks.take(codes[piece], axis=0, mode="clip")


def _take_part(transformer: Any, columns: list[str], place: slice) -> TextPart | NumberPart:
    encoder = transformer[0] if isinstance(transformer, Pipeline) else transformer
    if isinstance(encoder, OneHotEncoder | OrdinalEncoder | TargetEncoder | TextEncoder):
        stops = np.cumsum([place.start, *_widths(encoder, len(columns))])
        if stops[-1] != place.stop:
            raise TypeError(f"{encoder} gives another number of columns than it should.")
        places = [slice(*ends) for ends in pairwise(stops)]
        return TextPart(transformer, columns, places)
    is_plain = isinstance(transformer, FunctionTransformer) and transformer.func is None
    if is_plain:
        return NumberPart(None, columns, place)
    return NumberPart(transformer, columns, place, plain_transform(transformer))


def _widths(encoder: Any, columns: int) -> list[int]:
    """How many output columns each input column becomes."""
    if isinstance(encoder, OneHotEncoder):
        rare = encoder.infrequent_categories_
        if rare is None:
            return [len(known) for known in encoder.categories_]
        return [
            len(known) - (0 if few is None else len(few) - 1)
            for known, few in zip(encoder.categories_, rare, strict=True)
        ]
    if isinstance(encoder, TargetEncoder):
        return [len(encoder.encodings_) // columns] * columns
    if isinstance(encoder, TextEncoder):
        return encoder.widths()
    return [1] * columns


def _as_coded(column: Vector | Coded) -> Coded:
    if not isinstance(column, Coded):
        raise TypeError("A column of numbers came where the estimator learnt texts.")
    return column
