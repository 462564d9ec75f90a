# docker build -t echosounder . && docker run --rm -e DEEPSEEK_API_KEY -v "$PWD/runs:/runs" echosounder check http://host:8000/v1
FROM python:3.12-slim AS build
WORKDIR /src
COPY . .
RUN ci/install /opt/echosounder

FROM python:3.12-slim
COPY --from=build /opt/echosounder /opt/echosounder
ENV PATH=/opt/echosounder/bin:$PATH PYTHONUNBUFFERED=1
RUN useradd --uid 1000 --create-home echosounder && mkdir /runs && chown echosounder /runs
USER 1000
WORKDIR /
VOLUME /runs
ENTRYPOINT ["echosounder"]
CMD ["--help"]
