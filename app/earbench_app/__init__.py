"""The desktop workbench: presenters, views, player, command line."""
