"""The engine on Redis 7 or Valkey; it needs `pip install cometary[cluster]`."""
