"""What TuneDesk is measured against: scripts that know nothing of it."""
