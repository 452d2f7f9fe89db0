"""The door for people: server-rendered pages, their routes, forms and streams."""
