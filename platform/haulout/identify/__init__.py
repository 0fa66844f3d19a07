"""Who is who: `step` does step 7 of the loop; the pages change the catalogue without loading any network."""
