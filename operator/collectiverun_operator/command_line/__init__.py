"""`collectiverun run` and `validate`: a run file read, its run driven on this machine and shown to people."""
