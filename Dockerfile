# Two images: `serve` answers requests and holds no training code, `train` fits and publishes.
#
# Built twice from one commit, the layers of `serve` are the same, byte for byte: the times of
# packages are 1970, those of our own files SOURCE_DATE_EPOCH, and compiled Python names no time.
#   docker build --target serve --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) \
#     --build-arg CREATED=$(git log -1 --format=%cI) --build-arg REVISION=$(git rev-parse HEAD) .
FROM python:3.12-slim-bookworm AS base
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
# a number, so that an orchestrator can see that it is not root
RUN touch /dev/shm/began && sleep 0.1 \
 && export SOURCE_DATE_EPOCH=0 \
 && groupadd --gid 10001 nextday && useradd --uid 10001 --gid 10001 --no-create-home nextday \
 && mkdir /nextday /models && chown 10001:10001 /models \
 && find / -xdev -newer /dev/shm/began -exec touch --no-dereference --date=@0 {} +
WORKDIR /nextday


FROM base AS serve-packages
COPY requirements/serve.txt requirements/
RUN python -m venv --without-pip /venv \
 && /usr/local/bin/python -m pip --python /venv/bin/python install --no-cache-dir --no-compile --require-hashes -r requirements/serve.txt \
 && python -m compileall -q --invalidation-mode unchecked-hash /venv/lib \
 && mkdir /packages && mv /venv /packages && find /packages -exec touch --no-dereference --date=@0 {} +


# what the image says of itself; the tools that say it stay here
FROM serve-packages AS serve-papers
COPY deploy/supply-chain/requirements.txt tools.txt
RUN python -m venv --without-pip /tools \
 && python -m pip --python /tools/bin/python install --no-cache-dir --require-hashes -r tools.txt
COPY pyproject.toml deploy/supply-chain/licences.* ./
COPY app/__init__.py app/
ARG SOURCE_DATE_EPOCH=0
# the tool names no version that pyproject.toml reads from elsewhere
RUN mkdir /papers \
 && sed -i "s/^dynamic = .*/version = \"$(python -c 'import app; print(app.__version__)')\"/" pyproject.toml \
 && /tools/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file /papers/bom.cdx.json /packages/venv/bin/python \
 && /packages/venv/bin/python licences.py > /papers/licences.txt


# our own files, as anybody may read them, whatever the rights of a checkout
FROM base AS files
COPY LICENSE /files/nextday/
COPY app /files/nextday/app
COPY --from=serve-papers /papers /files/nextday
COPY models /shipped/models
ARG SOURCE_DATE_EPOCH=0
RUN chmod -R u=rwX,go=rX /files /shipped \
 && python -m compileall -q --invalidation-mode unchecked-hash -s /files -p / /files/nextday/app \
 && find /files /shipped -exec touch --date=@$SOURCE_DATE_EPOCH {} +


FROM base AS serve
# into the root, not into a folder of its own name, which would be as new as the build
COPY --from=serve-packages /packages /
COPY --from=files /files /
# what an empty volume at /models begins with; theirs who publish into it
COPY --from=files --chown=10001:10001 /shipped /
USER 10001:10001
# OpenBLAS would begin a thread for each core of the machine, whatever the container may use
ENV NEXTDAY_MODELS=/models NEXTDAY_HOST=0.0.0.0 OPENBLAS_NUM_THREADS=1
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["python", "-m", "app"]
ARG CREATED=1970-01-01T00:00:00Z
ARG REVISION=unknown
LABEL org.opencontainers.image.title="nextday" \
      org.opencontainers.image.description="A forecasting microservice: post the newest prices of an instrument, get the next session's forecast and what it is worth." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED"


FROM base AS train-packages
COPY requirements/train.txt requirements/
RUN python -m venv --without-pip /venv \
 && /usr/local/bin/python -m pip --python /venv/bin/python install --no-cache-dir --require-hashes -r requirements/train.txt


FROM base AS train
COPY --from=train-packages /venv /venv
COPY LICENSE ./
COPY app app
COPY training training
COPY --chown=10001:10001 models /models
# what the commands take by default are the volumes /models and /work
RUN mkdir /work && chown 10001:10001 /models /work && ln -s /models models \
 && ln -s /work .retrain && ln -s /work .backtest && python -m compileall -q app training
USER 10001:10001
# Keras keeps its settings at home, and the root file system is read-only
ENV HOME=/tmp
ENTRYPOINT ["python", "-m", "training"]
ARG CREATED=1970-01-01T00:00:00Z
ARG REVISION=unknown
LABEL org.opencontainers.image.title="nextday training" \
      org.opencontainers.image.description="Fits, judges and publishes the models that nextday serves." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED"
