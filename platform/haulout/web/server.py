"""Serves the pages with waitress, a production WSGI server that needs nothing else."""

from flask import Flask
from waitress import serve as run

THREADS = 8


def serve(app: Flask, host: str, port: int) -> None:
    """Serve until the process is told to stop."""
    run(app, host=host, port=port, threads=THREADS, ident="Haulout")
