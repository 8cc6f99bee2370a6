"""Files of daily prices of whatever origin: read without a guess, or refused by line."""
