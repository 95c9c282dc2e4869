"""What `benches/peers/run` is made of: see README.md beside it."""
