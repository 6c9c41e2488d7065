"""A model of a push server and a client that is stopped and killed, checked step by step."""
