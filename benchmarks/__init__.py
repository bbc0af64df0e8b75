"""What Vizsla costs, as ratios to limits and peers measured in the same run."""
