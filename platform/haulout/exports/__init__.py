"""Take the season out of Haulout in the formats of the field: complete with a manifest, or not at all."""
