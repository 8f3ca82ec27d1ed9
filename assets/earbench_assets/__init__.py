"""Bundled clips, icons and the demo study."""
