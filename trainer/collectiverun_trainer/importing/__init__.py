"""Policies that were trained elsewhere, taken in as artifacts of this project (docs/adr/023)."""
