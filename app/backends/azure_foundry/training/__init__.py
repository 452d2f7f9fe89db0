"""Training jobs: data assets, submission, observation, metrics, logs, estimates, the job as code."""
