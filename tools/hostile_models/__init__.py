"""Folders of models that no publisher would make, and a service that has to live beside them."""
