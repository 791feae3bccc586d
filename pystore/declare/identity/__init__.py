"""The identity of code: what a function consists of, in a form that no layout or Python changes."""
