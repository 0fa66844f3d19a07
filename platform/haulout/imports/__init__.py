"""Take in boxes that a reserve already has, from files of other programs."""
