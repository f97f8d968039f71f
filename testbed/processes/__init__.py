"""Server processes of this machine: started, paused, killed, found again; and free ports for them."""
