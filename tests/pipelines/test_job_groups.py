"""Groups of jobs that are computed as a batch, as on a GPU, and the effect of a bad job on the others."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edlrr_cli.errors import InputError
from edlrr_cli.pipelines.batch import BatchOptions, run_batch
from edlrr_cli.pipelines.job import Job, attempt_group

COMPUTED: list[list[str]] = []


@dataclass(frozen=True, kw_only=True)
class Words(Job[str, str]):
    """A job on a word, which names the fault that the job has."""

    @property
    def word(self):
        return str(self.input)

    def read(self, monitor):
        if "unreadable" in self.word:
            raise InputError("cannot be read")
        return self.word.upper()

    def group(self, inputs):
        return None if "large" in self.word else self.word[0]

    def compute_each(self, inputs):
        words = [each.lower() for each in inputs]
        COMPUTED.append(words)
        if any("killer" in word for word in words):
            os._exit(1)
        if any("bad" in word for word in words):
            raise ValueError("one is bad")
        return [each + "!" for each in inputs]

    def compute(self, inputs, monitor):
        COMPUTED.append([self.word])
        if "killer" in self.word:
            os._exit(1)
        if "bad" in self.word:
            raise InputError("is bad")
        return inputs + "?"

    def write(self, inputs, result, monitor):
        if "unwritable" in self.word:
            raise InputError("cannot be written")
        return {"status": "ok", "input": self.word, "result": result}


def jobs(*words):
    COMPUTED.clear()
    return [Words(input=Path(word), output=Path("out")) for word in words]


def results(records):
    return [record.get("result") or record["error"] for record in records]


def test_jobs_of_one_group_are_computed_as_a_batch_and_recorded_in_order():
    records = attempt_group(jobs("a1", "b1", "a2", "large", "b2", "c1"))
    assert results(records) == ["A1!", "B1!", "A2!", "LARGE?", "B2!", "C1?"]
    assert COMPUTED == [["large"], ["a1", "a2"], ["b1", "b2"], ["c1"]]


def test_a_fault_concerns_one_job_only():
    records = attempt_group(jobs("a1", "a unreadable", "a2", "a unwritable"))
    expected = ["A1!", "a unreadable: cannot be read", "A2!", "a unwritable: cannot be written"]
    assert results(records) == expected
    assert [record.get("exit_code") for record in records] == [None, 3, None, 3]


def test_jobs_of_a_batch_that_fails_are_computed_one_by_one():
    assert results(attempt_group(jobs("a1", "a bad", "a2"))) == ["A1?", "a bad: is bad", "A2?"]
    assert COMPUTED == [["a1", "a bad", "a2"], ["a1"], ["a bad"], ["a2"]]


def test_a_process_that_dies_costs_one_job(batches_on_cpu):
    words = jobs("a1", "a killer", "a2", "a3", "a4", "a5")
    records = run_batch(words, BatchOptions(jobs=2), device="cpu", notify=print)
    found = {record["input"]: record.get("result") for record in records}
    # The other group is complete; the jobs of the broken one were computed again, one by one.
    assert found == {"a1": "A1?", "a killer": None, "a2": "A2?", "a3": "A3!", "a4": "A4!", "a5": "A5!"}
