"""AutoTrain Advanced's configuration file, read into a draft's answers and written from a job's settings."""
