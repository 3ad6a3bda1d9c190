"""Published results, each by one command: `tempotron reproduce`.

A module for each experiment describes it (`reproduction.Reproduction`): the jobs it consists of,
what a job measures, the table beside the published numbers and the figure.  `running` spreads the
jobs over processes and keeps what is done; `report` prints and writes.
"""
