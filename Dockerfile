# styleplug with its page and its weights; docs/container.md says how to build and run it.
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS installed
# Other extras make another image, such as that for NVIDIA's graphics cards.
ARG EXTRAS=onnx,page,hub,heic,mcp
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY integrations/desktop integrations/desktop
COPY weights weights
COPY styleplug styleplug
RUN python3 -m venv /opt/styleplug \
    && /opt/styleplug/bin/pip install --no-cache-dir ".[${EXTRAS}]"

FROM ${BASE}
RUN useradd --create-home --uid 1000 styleplug
COPY --from=installed /opt/styleplug /opt/styleplug
# All that is written goes to /tmp, so the rest may be read-only.
ENV PATH=/opt/styleplug/bin:$PATH \
    HOME=/tmp \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860
USER 1000
WORKDIR /tmp
EXPOSE 7860
STOPSIGNAL SIGINT
HEALTHCHECK --start-period=60s --timeout=5s \
    CMD ["python3", "-c", "import os, urllib.request as web; web.urlopen(f'http://127.0.0.1:{os.environ[\"GRADIO_SERVER_PORT\"]}/health')"]
ENTRYPOINT ["styleplug"]
CMD ["app"]
