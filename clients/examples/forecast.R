# Made-up prices into a forecast: Rscript forecast.R
# needs httr2 and jsonlite: install.packages("httr2"), or apt install r-cran-httr2
library(httr2)

url <- Sys.getenv("NEXTDAY_URL", "http://127.0.0.1:8000")

# ninety days of closes, oldest first
i <- 0:89
prices <- round(100 + i / 10 + 3 * sin(i / 4) + sin(i * i), 2)
dates <- format(as.Date("2026-01-01") + i)

answer <- request(url) |>
  req_url_path_append("predict") |>
  req_body_json(list(
    prices = prices, dates = dates, calendar = "24/7", levels = I(80)
  )) |>
  # 503: too busy for the moment
  req_retry(max_tries = 4) |>
  req_error(body = function(response) resp_body_json(response)$detail) |>
  req_perform() |>
  resp_body_json()

interval <- answer$intervals[[1]]
cat(sprintf(
  "%s: %.2f, naive %.2f, 80 %% within %.2f to %.2f\n",
  answer$forecast_date, answer$prediction, answer$naive, interval$low, interval$high
))
skill <- answer$skill$mae_skill_vs_naive
cat(sprintf(
  "on %s forecasts %.2f %% %s than tomorrow = today\n",
  format(answer$skill$forecasts, big.mark = ","), abs(100 * skill),
  if (skill > 0) "better" else "worse"
))
for (warning in answer$warnings) {
  cat(sprintf("%s: %s\n", warning$code, warning$message))
}
