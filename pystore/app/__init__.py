"""Models that predict: datasets, models, predictors."""
