"""What is kept: rows in the database (the only room that speaks SQL), and files in the data folder."""
