"""Networks, and the loops that fit them."""
