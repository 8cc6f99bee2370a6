"""What can be fitted: one TOML file a recipe, and what reads them."""
