"""The browser's door: server-rendered pages."""
