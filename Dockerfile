# pgbouncer as Debian has it.
FROM debian:12-slim AS pgbouncer
RUN apt-get update && apt-get install --yes --no-install-recommends pgbouncer && rm -rf /var/lib/apt/lists/*
USER nobody
# auth_type = any asks nobody for a password, so the server's is added to the entries of its databases.
ENTRYPOINT ["sh", "-c", "sed \"s/ user=vizsla/ user=vizsla password=$(cat /run/secrets/postgres_password)/\" /etc/pgbouncer/pgbouncer.ini > /tmp/pgbouncer.ini && exec pgbouncer /tmp/pgbouncer.ini"]

FROM python:3.13-slim AS vizsla
WORKDIR /opt/vizsla
COPY requirements.lock pyproject.toml hatch_build.py README.md LICENSE ./
COPY src src
# The versions of the lock, without what only tests and benchmarks need.
RUN grep -oE '^[A-Za-z0-9._-]+==[^ ;]+' requirements.lock > constraints.txt \
    && pip install --no-cache-dir --constraint constraints.txt . \
    && useradd --create-home vizsla && install -d -o vizsla -m 700 /home/vizsla/.vizsla
USER vizsla
VOLUME /home/vizsla/.vizsla
EXPOSE 8000
ENTRYPOINT ["vizsla"]
CMD ["serve", "--host", "0.0.0.0"]
