"""The life of a service process: start, stages of stopping, health over HTTP, sockets."""
