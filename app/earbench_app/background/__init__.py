"""Short work beside the interface: worker processes, their queue, their progress."""
