"""Commands that measure this machine; `make bench` runs them."""
