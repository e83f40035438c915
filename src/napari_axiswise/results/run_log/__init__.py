"""The run log: the outcome of every unit and task, recorded by whoever did it as soon as it is done.

::

    ledger/run.json                 the description of the run: dataset, pipeline with a hash of every function, axis
    ledger/tasks.jsonl              by the parent: a line for the start of each run, one for the outcome of each task,
                                    and one for the number of planes when a run ends
    ledger/units/<worker>.jsonl     by a worker: a line for each unit, and one for each complete block
    ledger/rows/<step>/<worker>     by a worker: the rows of tables and points, as Arrow streams
    ledger/thumbnails/<step>/…      by a worker: a small copy of every plane it wrote

Files only grow, a line at a time, and each has one writer. A crash may leave an incomplete last line, which is no
JSON and is skipped. A unit is identified by its component values, not by its task, so that a run that was started
along one axis can be finished along another.
"""
