"""Where other programs watch: the metrics file of node_exporter, and a heartbeat URL.

`write_metrics` and `ping` are called after a run, with what `pipeline.monitoring` has to report. Neither may fail a run
or name a merchant's customer.
"""
