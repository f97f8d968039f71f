"""Students: what the collective gives them, a shaped reward or the weights to start from."""
