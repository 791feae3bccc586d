"""Export: attempts in the form of other programs: a table, runs of MLflow, logs of TensorBoard."""
