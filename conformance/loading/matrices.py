"""Stored kill matrices, `profiles/NAME/EDITION.sensitivity.json`: what the suite is known to catch, written by `conformance selftest --store`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import msgspec

from conformance.errors import Problem, UsageError
from conformance.loading.profiles import Shelf
from conformance.sensitivity import Matrix


def matrix_file(profile: str, edition: str, shelf: Shelf) -> Path:
    """Return where the matrix of an edition is kept."""
    return shelf.home(profile) / f"{edition}.sensitivity.json"


def read_matrix(profile: str, edition: str, shelf: Shelf) -> Matrix | None:
    """Return the stored matrix of an edition, or None where there is none.

    Raises:
        UsageError: the file is not a matrix.
    """
    file = matrix_file(profile, edition, shelf)
    if not file.is_file():
        return None
    try:
        return msgspec.json.decode(file.read_bytes(), type=Matrix)
    except msgspec.DecodeError as error:
        raise UsageError(Problem(file=str(file), problem=str(error), hint="conformance selftest --store writes it")) from None


def write_matrix(matrix: Matrix, shelf: Shelf) -> Path:
    """Store a matrix beside its profile; return the file."""
    file = matrix_file(matrix.profile, matrix.edition, shelf)
    file.write_text(json.dumps(asdict(matrix), indent=1, ensure_ascii=False) + "\n", "utf-8")
    return file
