"""How far are the index's replicas behind, and how much do they answer? For `/metrics`."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from vizsla.storage.replicas import ReplicatedDatabase


class ReplicaMetrics(Collector):
    """What the last look found, replicas by their place in the setting from 1 on."""

    def __init__(self, replicas: ReplicatedDatabase) -> None:
        self._replicas = replicas

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client, at a scrape."""
        reads = CounterMetricFamily("vizsla_index_reads", "Reads of searches, by who answered.", labels=["by"])
        for by in ("primary", "replica"):
            reads.add_metric([by], self._replicas.answered[by])
        yield reads
        usable = GaugeMetricFamily("vizsla_index_replica_usable", "1: it answers searches.", labels=["replica"])
        lag = GaugeMetricFamily("vizsla_index_replica_lag_seconds", "At most so far behind.", labels=["replica"])
        for number, standing in enumerate(self._replicas.standings, 1):
            usable.add_metric([str(number)], standing.may_answer(self._replicas.most_lag))
            if standing.lag is not None:
                lag.add_metric([str(number)], standing.lag)
        yield usable
        yield lag
