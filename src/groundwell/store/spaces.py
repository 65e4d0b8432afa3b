"""Embedding spaces: one per model, with a vector table of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import psycopg

from groundwell.domain.chunks import Floats
from groundwell.domain.errors import StartupError
from groundwell.store.database import owner_options

_LOCK = 7_236_481_907_513_005


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """Where vectors of one model live. `centre` has shape (dimension,), zeros without tokens."""

    id: int
    model: str
    dimension: int
    centre: Floats

    @property
    def table(self) -> str:
        """Name of the vector table; built from a number that the database gave out."""
        return f"space_{self.id:d}"


def open_space(
    url: str, model: str, dimension: int, measure_centre: Callable[[], Floats]
) -> EmbeddingSpace:
    """The active space, made at the first start. Runs as the database's owner. Blocks.

    `measure_centre` is called only when the space is made. Raises StartupError when the database
    was filled with another model: its vectors could not be compared with this model's.
    """
    with psycopg.connect(url, options=owner_options()) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        row = connection.execute(
            "SELECT id, model, dimension, centre FROM embedding_spaces WHERE state = 'active'"
        ).fetchone()
        if row is None:
            return _create_space(connection, model, dimension, measure_centre())
    space = EmbeddingSpace(row[0], row[1], row[2], np.array(row[3], dtype=np.float32))
    if (space.model, space.dimension) != (model, dimension):
        raise StartupError(
            f"This database was filled with the embedding model '{space.model}' "
            f"({space.dimension} dimensions), but '{model}' ({dimension}) is configured. Vectors "
            "of two models cannot be compared: set the model back, or use another data folder "
            "or database and ingest again.",
            code="embedding_model_changed",
        )
    return space


def _create_space(
    connection: psycopg.Connection, model: str, dimension: int, centre: Floats
) -> EmbeddingSpace:
    row = connection.execute(
        "INSERT INTO embedding_spaces (model, dimension, state, centre)"
        " VALUES (%s, %s, 'active', %s) RETURNING id",
        (model, dimension, centre.tolist()),
    ).fetchone()
    assert row is not None, "INSERT … RETURNING gives a row"
    connection.execute("SELECT create_space_objects(%s, %s)", (row[0], dimension))
    connection.execute("SELECT let_backup_read()")
    return EmbeddingSpace(row[0], model, dimension, centre)
