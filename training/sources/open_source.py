"""Where a job's bars come from: what a [source] table says, and the bars that are there."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from training.sources import csv_files, sql, yahoo
from training.sources.sql import SqlSource
from training.sources.yahoo import YahooSource

__all__ = ["CsvSource", "Source", "SqlSource", "YahooSource", "read"]


class CsvSource(BaseModel):
    """A folder of CSV files, as `fit` and `backtest` read it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["csv"]
    folder: Annotated[Path, Field(strict=False)]
    instrument_column: str | None = None
    """The column that names instruments, where files hold many."""


Source: TypeAlias = Annotated[CsvSource | SqlSource | YahooSource, Field(discriminator="kind")]


def read(source: CsvSource | SqlSource | YahooSource) -> pd.DataFrame:
    """
    Read all bars of a source: instrument, date, open, high, low, close, volume.

    Adjusted, and by instrument and date, as `csv_files.tidy_bars` gives them; dates that come twice
    and prices that are none are left to `quality.check`.
    Raises BadData where what is there is wrong, SourceUnreachable where it may be there later,
    BadConfig where this source cannot be read here at all.
    """
    if isinstance(source, SqlSource):
        return sql.read(source)
    if isinstance(source, YahooSource):
        return yahoo.read(source)
    return csv_files.read_bars_folder(source.folder, instrument_column=source.instrument_column)
