"""
Made-up prices into a forecast, with the Python client.

    pip install './clients/python[pandas]'
    python forecast.py
"""

import math
import os

import nextday
import pandas as pd

# ninety days of closes; yours would be pd.read_csv("prices.csv")
days = pd.date_range("2026-01-01", periods=90)
closes = [round(100 + i / 10 + 3 * math.sin(i / 4) + math.sin(i * i), 2) for i in range(90)]
frame = pd.DataFrame({"Close": closes}, index=days)

url = os.environ.get("NEXTDAY_URL", nextday.DEFAULT_URL)
answer = nextday.forecast(frame, url=url, calendar="24/7", levels=[80])

interval = answer.interval(80)
print(
    f"{answer.forecast_date}: {answer.prediction:.2f}, naive {answer.naive:.2f},"
    f" 80 % within {interval.low:.2f} to {interval.high:.2f}"
)
skill = answer.skill
print(
    f"on {skill.forecasts:,} forecasts {abs(100 * skill.mae_skill_vs_naive):.2f} %"
    f" {'better' if skill.mae_skill_vs_naive > 0 else 'worse'} than tomorrow = today"
)
for warning in answer.warnings:
    print(f"{warning.code}: {warning.message}")
