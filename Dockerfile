# A static binary in an image with nothing else but certificates.
# bash is not in it: `run:` steps with a script need an image of your own that has it (and kubectl, helm, …):
#   COPY --from=ripcord /usr/local/bin/ripcord /usr/local/bin/ripcord
FROM rust:1-alpine AS build
RUN apk add --no-cache musl-dev gcc make perl
WORKDIR /src
COPY Cargo.toml Cargo.lock README.md ./
COPY src src
COPY assets assets
COPY runbooks runbooks
COPY benches benches
COPY examples examples
COPY tests tests
RUN cargo build --release --locked --bin ripcord

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /src/target/release/ripcord /usr/local/bin/ripcord
# Runs and the ledger; mount a volume here, or they go with the container.
ENV RIPCORD_STATE_DIR=/home/nonroot/state
ENTRYPOINT ["/usr/local/bin/ripcord"]
CMD ["--help"]
