"""What becomes of a delivery where there is much of something: sessions, paths, packets, load, back-ends."""
