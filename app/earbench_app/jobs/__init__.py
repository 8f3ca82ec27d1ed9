"""Training and evaluation that outlive the window: jobs, their folders, and what carries them out."""
