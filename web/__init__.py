"""HTTP out for people: the public pages and the browser chat."""
