"""A strict reader of Prometheus' text format 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/, and what promtool
complains of beyond that.
"""
import math
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:{{(.*)}})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(,|$)')
ESCAPES = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}


class Metrics(dict):
    """{(name, ((label, value), ...)): number}, of one answer."""

    def __init__(self, body):
        super().__init__()
        text = bytes(body).decode("utf-8")
        assert text.endswith("\n") and "\r" not in text
        self.types = {}
        self.helps = set()
        self.current = None
        for line in text.split("\n")[:-1]:
            try:
                self._read(line)
            except AssertionError as error:
                raise AssertionError(f"{line!r}: {error}") from None
        assert set(self.types) == self.helps
        self._check_histograms()

    def _read(self, line):
        if line.startswith("# HELP "):
            name, text = re.fullmatch(rf"# HELP ({NAME}) (\S.*)", line).groups()
            assert name not in self.helps, "a second HELP"
            assert not re.search(r"\\[^\\n]", text)
            self.helps.add(name)
        elif line.startswith("# TYPE "):
            found = re.fullmatch(
                rf"# TYPE ({NAME}) (counter|gauge|histogram)", line)
            assert found, "no type"
            self.current = found[1]
            assert self.current not in self.types, "a second TYPE"
            self.types[self.current] = found[2]
            assert found[1].endswith("_total") == (found[2] == "counter")
        else:
            self._sample(line)

    def _sample(self, line):
        found = SAMPLE.fullmatch(line)
        assert found, "no sample"
        name, labels, number = found.groups()
        assert self.current and name in self._names(), "not its family"
        labels = self._labels(labels)
        assert re.fullmatch(r"\d+(\.\d*[1-9])?", number), "a number"
        assert (name, labels) not in self, "twice"
        self[name, labels] = float(number)

    def _names(self):
        if self.types[self.current] != "histogram":
            return [self.current]
        return [self.current + end for end in ("_bucket", "_sum", "_count")]

    @staticmethod
    def _labels(text):
        labels, at = [], 0
        while text is not None and at < len(text):
            found = LABEL.match(text, at)
            assert found, "labels"
            labels.append((found[1], re.sub(r"\\.", lambda m: ESCAPES[m[0]],
                                            found[2])))
            at = found.end()
        assert text != "" and (text is None or not text.endswith(","))
        assert len({name for name, _ in labels}) == len(labels)
        return tuple(sorted(labels))

    def _check_histograms(self):
        series = {}
        for (name, labels), number in self.items():
            family = name.removesuffix("_bucket")
            if self.types.get(family) != "histogram":
                continue
            bound = float(dict(labels)["le"].replace("+Inf", "inf"))
            rest = tuple(label for label in labels if label[0] != "le")
            series.setdefault((family, rest), []).append((bound, number))
        for (family, labels), buckets in series.items():
            assert buckets == sorted(buckets), (family, labels, buckets)
            assert [n for _, n in buckets] == sorted(n for _, n in buckets)
            assert len({bound for bound, _ in buckets}) == len(buckets)
            assert math.isinf(buckets[-1][0])
            assert self[f"{family}_count", labels] == buckets[-1][1]
            assert (f"{family}_sum", labels) in self
        sums = {name for name, _ in self if name.removesuffix("_count")
                in self.types and name.endswith("_count")}
        assert {name + "_count" for name, _ in series} == sums

    def get_one(self, name, **labels):
        """The number of one series, 0 where it has counted nothing yet."""
        return self.get((name, tuple(sorted(labels.items()))), 0)

    def total(self, name, **labels):
        """The sum over the series of NAME that have LABELS."""
        return sum(number for (other, have), number in self.items()
                   if other == name and set(labels.items()) <= set(have))

    def label_values(self, label):
        return {dict(labels)[label] for _, labels in self
                if label in dict(labels)}
