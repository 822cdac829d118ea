"""What queries are written with: one state of the views, pages, names and words sought in them."""
