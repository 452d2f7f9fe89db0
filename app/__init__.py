"""TuneDesk: fine-tune language models from a web page."""
