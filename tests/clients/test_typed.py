"""Types that a user's own checker sees, and what importing the client costs."""

import subprocess
import sys
from pathlib import Path

SOURCE = Path("clients/python/src").resolve()

RIGHT = """
import asyncio
from datetime import date

import nextday
import pandas as pd

frame = pd.read_csv("FB.csv")
one = nextday.forecast(frame, url="http://127.0.0.1:8000", calendar="XNYS", levels=[50, 90])
when: date | None = one.forecast_date
width: float = one.interval(90).high - one.interval(90).low
table: pd.DataFrame = one.to_frame()
with nextday.Client(api_key="key", timeout=5, retries=nextday.Retries(attempts=2)) as client:
    closes: pd.Series[float] = frame["Close"]
    client.forecast(closes, model="default", version=3, strict=True)
    client.predict(closes.to_numpy())
    batch = client.predict_batch([[1.0, 2.0]])
    named: tuple[str, ...] | None = client.predict_batch(frame, levels=[80]).instruments
    first: float | None = batch.predictions[0]
    try:
        client.predict_csv("FB.csv")
    except nextday.BadInput as error:
        row: int | None = error.index
        read_as: str | None = error.read_as
    window: int = client.model("default").manifest.window


async def main() -> nextday.Forecast:
    async with nextday.AsyncClient() as client:
        return await client.forecast(frame)


asyncio.run(main())
"""
WRONG = """
import nextday

with nextday.Client() as client:
    client.predict([1.0], calender="XNYS")
    wrong: str = client.predict([1.0]).prediction
    client.predict([1.0]).prediction = 2.0
"""


def test_a_users_script_is_typed_and_what_is_wrong_in_one_is_found(tmp_path: Path) -> None:
    right, wrong, settings = (tmp_path / name for name in ("right.py", "wrong.py", "mypy.ini"))
    right.write_text(RIGHT)
    wrong.write_text(WRONG)
    settings.write_text(f"[mypy]\nstrict = true\nmypy_path = {SOURCE}\n")
    command = [sys.executable, "-m", "mypy", "--config-file", str(settings)]
    command += ["--cache-dir", str(tmp_path / "cache"), str(right), str(wrong)]

    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout

    assert 'wrong.py:5: error: Unexpected keyword argument "calender"' in found
    assert "wrong.py:6: error: Incompatible types in assignment" in found
    assert 'wrong.py:7: error: Property "prediction" defined in "Forecast" is read-only' in found
    assert "Found 3 errors in 1 file" in found


def test_importing_it_imports_neither_pandas_nor_numpy() -> None:
    program = "import sys, nextday; print([n for n in ('pandas', 'numpy') if n in sys.modules])"
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(SOURCE)!r}); {program}"]

    said = subprocess.run(command, capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


def test_the_package_says_that_it_is_typed() -> None:
    assert (SOURCE / "nextday" / "py.typed").exists()
