# The command in an image of its own: `docker build -t timeline .`
FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin timeline

FROM debian:bookworm-slim
# Certificates for brokers and buckets behind TLS; nothing else is needed beside the C library.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/target/release/timeline /usr/local/bin/timeline
COPY examples /usr/share/timeline/examples
COPY LICENSE /usr/share/doc/timeline/LICENSE
# The state belongs to a user of no rights; a volume that is mounted there takes that over.
RUN useradd --system --uid 10001 --home-dir /state timeline && install -d -o timeline -g timeline /state
USER timeline
WORKDIR /state
VOLUME /state
EXPOSE 7171 5432 7172
ENTRYPOINT ["timeline"]
CMD ["--help"]
