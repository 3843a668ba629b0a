"""Synchronize Now for selected records: what changed on which side, asked about before newer data is overwritten."""
