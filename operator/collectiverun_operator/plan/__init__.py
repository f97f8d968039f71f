"""(run, observed, now) → Plan: the decisions, one a module. No I/O, no clock, no randomness."""
