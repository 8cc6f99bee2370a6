#!/bin/sh
# A CSV file of made-up prices into a forecast, with curl alone: sh curl.sh
set -eu
url=${NEXTDAY_URL:-http://127.0.0.1:8000}
file=$(mktemp)
trap 'rm -f "$file"' EXIT

# ninety days of closes; yours would be a file from your downloads
awk 'BEGIN {
  print "Date,Close"
  split("31 28 31", length_of)
  for (month = 1; month <= 3; month++)
    for (day = 1; day <= length_of[month]; day++) {
      printf "2026-%02d-%02d,%.2f\n", month, day, 100 + i / 10 + 3 * sin(i / 4) + sin(i * i)
      i++
    }
}' > "$file"

# as JSON
curl --silent --show-error --fail-with-body --retry 3 "$url/predict?calendar=24/7&levels=80" \
  --header 'Content-Type: text/csv' --data-binary "@$file"
echo
# as CSV
curl --silent --show-error --fail-with-body --retry 3 "$url/predict?calendar=24/7&levels=80" \
  --header 'Content-Type: text/csv' --header 'Accept: text/csv' --data-binary "@$file"
