"""What a user may ask for in `spec`, and every rule about it. Pure."""
