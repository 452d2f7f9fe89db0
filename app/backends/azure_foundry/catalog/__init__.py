"""What can be trained there: models, versions, regions, hyperparameters, and the data files that say so."""
