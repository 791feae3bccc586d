"""Finding attempts among many: conditions on parameters, metrics and facts, order, and columns."""
