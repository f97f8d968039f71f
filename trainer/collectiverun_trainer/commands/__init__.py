"""Commands about runs that need storage or networks: a JSON document in, a JSON line out (docs/adr/018).

`collectiverun` starts them as processes; nothing else does.
"""
