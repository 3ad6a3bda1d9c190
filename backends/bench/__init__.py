"""The benchmark: ``tempotron bench``, and what the tests under ``benchmarks/`` share with it.

`workload` makes the patterns, `subjects` the calls that are timed, `roofline` the floor below
them; `peers` drives SpikingJelly in processes of its own (`peer_worker` is what runs there);
`agreement` checks that all compute the same before anything is timed; `timing` and `memory`
measure; `sweep` varies one size at a time; `report` and `figure` show the results; `command` puts
it together.
"""
