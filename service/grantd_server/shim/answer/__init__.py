"""One HTTP answer: OAuth JSON, a document, or a refusal."""
