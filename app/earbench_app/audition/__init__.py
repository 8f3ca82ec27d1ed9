"""What the audition page works with, without Qt: clips, versions, the cache, difference signals."""
