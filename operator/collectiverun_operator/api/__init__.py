"""The CollectiveRun resource: its spec and status as typed values, and every rule about them. Pure."""
