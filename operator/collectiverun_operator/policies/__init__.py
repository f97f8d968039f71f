"""One decision a module: retries, deadlines, suspension, cleanup, completion. Pure; none of them acts."""
