"""Docker hosts: containers, the proxy that cuts over between them, one-off jobs."""
