"""Figures in the text format that Prometheus reads. Source: Prometheus, exposition formats, text format 0.0.4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Metric:
    """One gauge with its samples."""

    name: str
    meaning: str
    samples: tuple[tuple[Labels, int | float], ...] = field(default=())


def exposed(metrics: Iterable[Metric], labels: Labels) -> str:
    """The whole file; `labels` stand on every sample. A metric without samples is left out."""
    lines = []
    for metric in metrics:
        if not metric.samples:
            continue
        lines += [f"# HELP {metric.name} {_escaped(metric.meaning)}", f"# TYPE {metric.name} gauge"]
        for own, value in metric.samples:
            pairs = ",".join(f'{name}="{_quotable(text)}"' for name, text in {**labels, **own}.items())
            lines.append(f"{metric.name}{{{pairs}}} {value}")
    return "".join(f"{line}\n" for line in lines)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quotable(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
