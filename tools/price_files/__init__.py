"""Price files as vendors write them, sound and faulty, and how the service reads them."""
