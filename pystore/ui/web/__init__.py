"""Web: models behind HTTP, and the pages on which people ask them."""
