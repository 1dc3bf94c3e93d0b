"""Where other programs watch: the metrics file of node_exporter, and a heartbeat URL."""
