"""Training of neural coders: recipes, corpora, losses, rate control, the loop. Knows nothing of the app."""
