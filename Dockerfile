# Two images: `serve` answers requests and holds no training code, `train` fits and publishes.
FROM python:3.12-slim-bookworm AS base
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
# a number, so that an orchestrator can see that it is not root
RUN groupadd --gid 10001 nextday && useradd --uid 10001 --gid 10001 --no-create-home nextday
WORKDIR /nextday


FROM base AS serve-packages
COPY requirements/serve.txt requirements/
RUN python -m venv --without-pip /venv \
 && /usr/local/bin/python -m pip --python /venv/bin/python install --no-cache-dir --require-hashes -r requirements/serve.txt


FROM base AS serve
LABEL org.opencontainers.image.title="nextday" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=serve-packages /venv /venv
COPY LICENSE ./
COPY app app
# what an empty volume at /models begins with; theirs who publish into it
COPY --chown=10001:10001 models /models
RUN chown 10001:10001 /models && python -m compileall -q app
USER 10001:10001
# OpenBLAS would begin a thread for each core of the machine, whatever the container may use
ENV NEXTDAY_MODELS=/models NEXTDAY_HOST=0.0.0.0 OPENBLAS_NUM_THREADS=1
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
CMD ["python", "-m", "app"]


FROM base AS train-packages
COPY requirements/train.txt requirements/
RUN python -m venv --without-pip /venv \
 && /usr/local/bin/python -m pip --python /venv/bin/python install --no-cache-dir --require-hashes -r requirements/train.txt


FROM base AS train
LABEL org.opencontainers.image.title="nextday training" org.opencontainers.image.licenses="Apache-2.0"
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
