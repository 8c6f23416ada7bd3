"""Benchmarks: what the machinery does a second beside other ways to do the same, on the same Kafka and Postgres in one run.

Every contender's final table is checked against an oracle before its figure counts. Ratios matter, seconds depend on the machine.
"""
