"""What the collective gives to a student: a shaped reward, or the weights to start from."""
