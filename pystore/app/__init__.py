"""The application: what a trained model is for."""
