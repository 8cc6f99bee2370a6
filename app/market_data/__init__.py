"""What callers post: prices, bars, dates and files, checked."""
