"""(run, observed, now) → Plan: the decisions, one module each. No I/O, no clock, no randomness."""
