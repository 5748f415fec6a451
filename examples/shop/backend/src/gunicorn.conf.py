bind = "0.0.0.0:8000"
worker_class = "gthread"
workers = 2
threads = 4
# One import of Django for all workers.
preload_app = True
# Longer than /api/slow can take, so that SIGTERM lets every request finish.
graceful_timeout = 30
# Longer than the two minutes that Caddy keeps an idle connection: the proxy closes first, and never
# sends a request into a connection that is just being closed here.
keepalive = 130
# The heartbeat file on a memory file system: the container's root may be slow or read-only.
worker_tmp_dir = "/dev/shm"
control_socket_disable = True
