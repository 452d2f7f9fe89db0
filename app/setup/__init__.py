"""Setting up: the web environment and the browser libraries; standard library only."""
