FROM debian:12-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1
RUN apt-get update && apt-get install -y --no-install-recommends \
        python3 python3-venv ngspice libngspice0 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY circuits circuits
COPY simulators simulators
COPY prompts prompts
COPY ado_service ado_service
# The service needs no GPU: give PyTorch's index of CPU wheels as a build argument, or the default
# index brings CUDA along.
ARG PIP_EXTRA_INDEX_URL
RUN python3 -m venv /opt/ado \
    && /opt/ado/bin/pip install --no-cache-dir --constraint constraints.txt torch \
    && /opt/ado/bin/pip install --no-cache-dir --constraint constraints.txt '.[postgres]'
RUN useradd --system --home-dir /data --create-home ado
USER ado
VOLUME /data
ENV PATH=/opt/ado/bin:$PATH ADO_DATA_DIR=/data ADO_HOST=0.0.0.0
EXPOSE 8765
HEALTHCHECK --interval=10s --timeout=3s CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8765/v1/healthz', timeout=2)"]
CMD ["ado", "serve"]
