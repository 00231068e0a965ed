"""Random worlds: writers that collide, a reader that lags, and oracles that compare what was told with the disk."""
