"""From records of runs to a static site: gathering, the board, who may see what, the pages."""
