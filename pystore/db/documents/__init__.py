"""Collections in MongoDB: the same verbs and listeners, beside documents. It imports pymongo."""
