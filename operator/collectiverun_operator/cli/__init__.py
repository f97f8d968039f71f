"""`collectiverun run` and `validate`: a run file is read, and its run driven on this machine and shown."""
