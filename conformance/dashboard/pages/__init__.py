"""One module per kind of page: each turns the board into plain data, which is the page's JSON and what its template shows."""
