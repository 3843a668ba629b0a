# One image for web, worker and beat; docker-compose.yml says which command each runs.
FROM python:3.13-slim AS build
COPY requirements.txt /build/requirements.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r /build/requirements.txt

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/tandem tandem \
    && install -d -o tandem -g tandem -m 700 /var/lib/tandem/state
COPY --from=build /venv /venv
COPY --chown=root:root . /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STATE_DIR=/var/lib/tandem/state
# Compiled once here: whoever runs it may not write beside it, and each process would do it again.
RUN python -m compileall -q /app
USER tandem
EXPOSE 8000
CMD ["gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "8", "--worker-class", "config.web_worker.PunctualThreadWorker", "--access-logfile", "-", "--logger-class", "config.access_log.ReticentLogger"]
