"""The demo: data of Tandem's own, and the run that shows the main job on it."""
