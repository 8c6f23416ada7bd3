"""Kafka for docker-compose.yml: its settings, who may read and write what, and the job that puts both in place."""
